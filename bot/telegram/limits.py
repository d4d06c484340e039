"""When a message may go out: Telegram's limits as token buckets, replies before alerts.

About one message a second to a chat with some burst, 20 a minute to a group, 30 a second overall
(https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this). They are not
exact; only a 429 is the truth. So alerts keep to the buckets and leave some room in them, while a
reply goes at once, unless its chat has been told to wait.
"""

from dataclasses import dataclass

from engine.ports import WallClock

OVERALL_PER_SECOND = 30.0
PRIVATE_PER_SECOND, PRIVATE_BURST = 1.0, 8.0
GROUP_PER_SECOND, GROUP_BURST = 20.0 / 60.0, 15.0
REPLY_RESERVE = 4.0  # of a chat's burst: alerts leave it to replies
STRICT_SECONDS = 60.0  # after a 429, replies to that chat keep to the bucket for so long
_MOST_DEBT = 5.0


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Tokens that come back at `per_second`, up to `capacity`."""

    capacity: float
    per_second: float
    tokens: float
    at: float  # monotonic seconds of the last look

    def wait(self, now: float, keep: float = 0.0) -> float:
        """Return the seconds until one token can be taken and `keep` are left."""
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        return max(0.0, (1.0 + keep - self.tokens) / self.per_second)

    def take(self) -> None:
        self.tokens = max(self.tokens - 1.0, -_MOST_DEBT)


@dataclass(slots=True, kw_only=True)
class _ChatState:
    bucket: Bucket
    held_until: float = 0.0
    strict_until: float = 0.0
    waiting_replies: int = 0


class SendLimiter:
    """Decides when the next message to a chat may go. A chat on hold delays no other chat."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._chats: dict[int, _ChatState] = {}
        self._overall = Bucket(
            capacity=OVERALL_PER_SECOND,
            per_second=OVERALL_PER_SECOND,
            tokens=OVERALL_PER_SECOND,
            at=clock.monotonic(),
        )

    async def admit_reply(self, chat_id: int) -> None:
        """Wait until a reply may go to the chat; at once in the ordinary case."""
        chat = self._chat(chat_id)
        chat.waiting_replies += 1
        try:
            while (wait := self._reply_wait(chat)) > 0:
                await self._clock.sleep(wait)
            self._take(chat)
        finally:
            chat.waiting_replies -= 1

    async def admit_alert(self, chat_id: int) -> None:
        """Wait until an alert may go: a reply to the same chat that waits goes first."""
        chat = self._chat(chat_id)
        while (wait := self._alert_wait(chat)) > 0:
            await self._clock.sleep(wait)
        self._take(chat)

    def hold(self, chat_id: int, seconds: float) -> None:
        """Note a 429: nothing goes to this chat for so long, and then by the bucket."""
        chat = self._chat(chat_id)
        now = self._clock.monotonic()
        chat.held_until = max(chat.held_until, now + seconds)
        chat.strict_until = chat.held_until + STRICT_SECONDS
        chat.bucket.wait(now)
        chat.bucket.tokens = min(chat.bucket.tokens, 0.0)

    def _reply_wait(self, chat: _ChatState) -> float:
        now = self._clock.monotonic()
        held = chat.held_until - now
        if held > 0:
            return held
        return chat.bucket.wait(now) if now < chat.strict_until else 0.0

    def _alert_wait(self, chat: _ChatState) -> float:
        now = self._clock.monotonic()
        wait = max(
            chat.held_until - now,
            chat.bucket.wait(now, keep=REPLY_RESERVE),
            self._overall.wait(now),
        )
        if wait <= 0 and chat.waiting_replies:
            return 1.0 / chat.bucket.per_second
        return wait

    def _take(self, chat: _ChatState) -> None:
        now = self._clock.monotonic()
        for bucket in (chat.bucket, self._overall):
            bucket.wait(now)
            bucket.take()

    def _chat(self, chat_id: int) -> _ChatState:
        chat = self._chats.get(chat_id)
        if chat is None:
            private = chat_id > 0
            burst = PRIVATE_BURST if private else GROUP_BURST
            bucket = Bucket(
                capacity=burst,
                per_second=PRIVATE_PER_SECOND if private else GROUP_PER_SECOND,
                tokens=burst,
                at=self._clock.monotonic(),
            )
            chat = self._chats[chat_id] = _ChatState(bucket=bucket)
        return chat
