"""The long poll: every update is in the durable inbox before the next offset is asked for.

Raw JSON from the server to the inbox; only the fields that decide are read. The poll never waits
for a handler, so that a kill behind ten thousand updates is one round trip per hundred away.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple, Protocol

import msgspec
import structlog
from telegram.error import NetworkError, TelegramError

from bot.telegram.auth import Action, Gatekeeper, Verdict
from bot.telegram.condition import Condition
from bot.telegram.facts import FactReporter
from bot.telegram.settings import TelegramSettings
from bot.telegram.transport import AiohttpRequest, retry_after
from bot.telegram.updates import Update, read_update
from engine.domain.records import InboxUpdate
from engine.errors import StorageError
from engine.ports import UnitOfWorkFactory, WallClock

ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
BATCH = 100  # the most that getUpdates gives
_EXTRA_SECONDS = 10.0  # beyond the long poll, before a silent connection counts as lost
_FORGET_OFFSET_SECONDS = 6 * 86_400.0  # a week without updates, and Telegram numbers them anew
_TELL_AFTER_SECONDS = 180.0

_log = structlog.get_logger(__name__)


class _Answer(msgspec.Struct):
    result: list[msgspec.Raw] = msgspec.field(default_factory=list)
    ok: bool = False


class _Refusal(msgspec.Struct):
    description: str = ""


class _Trouble(Exception):
    """A poll that brought nothing: what is wrong, and how long to wait."""

    def __init__(self, detail: str, *, first: float, most: float, tell: bool = False) -> None:
        super().__init__(detail)
        self.first = first
        self.most = most
        self.tell = tell  # worth an event at once: somebody must act


class Judged(NamedTuple):
    """One new update with its decision, as the consumer gets it."""

    update: Update
    verdict: Verdict
    recovered: bool = False


class Consumer(Protocol):
    """Takes what was committed. Nothing here waits."""

    def kill(self, batch: Sequence[Judged]) -> None:
        """Act on the kills of a batch that could not be stored: the database refuses it."""
        ...

    def take(self, batch: Sequence[Judged], *, last: bool) -> None:
        """Answer a stored batch; `last` when nothing more is queued at the server."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the intake works with.

    Attributes:
        address: Where `getUpdates` is: base URL and token. Never logged.
        jitter: Returns a number from 0 to 1.
    """

    request: AiohttpRequest
    address: str = field(repr=False)
    unit_of_work: UnitOfWorkFactory
    wall: WallClock
    gate: Gatekeeper
    condition: Condition
    facts: FactReporter
    jitter: Callable[[], float]


class Intake:
    """Polls until cancelled, whatever the server answers."""

    def __init__(self, settings: TelegramSettings, sources: Sources, consumer: Consumer) -> None:
        self._settings = settings
        self._s = sources
        self._consumer = consumer
        self._offset: int | None = None
        self._last_update = sources.wall.monotonic()
        self._failures = 0
        self._told = ""
        self._more = False  # the last batch was full: more may be queued at the server

    async def run(self) -> None:
        """Look at what an earlier process left, then poll."""
        left = await self._left_over()
        first: Sequence[msgspec.Raw] = ()
        try:
            # Without waiting: it brings Telegram's clock, by which the left-over ones are judged.
            first = await self._poll(0)
            self._recovered_well()
        except _Trouble as exc:
            await self._pause(exc)
        self._recover(left)
        await self._store_until_done(first)
        while True:
            # After a full batch ask without waiting: whether more is queued is worth knowing.
            seconds = 0 if self._more else self._settings.poll_timeout
            try:
                batch = await self._poll(seconds)
            except _Trouble as exc:
                self._no_more()
                await self._pause(exc)
                continue
            self._recovered_well()
            await self._store_until_done(batch)

    # --- the wire ----------------------------------------------------------------------------

    async def _poll(self, seconds: int) -> Sequence[msgspec.Raw]:
        """Ask once; offsets confirm what was stored.

        Raises:
            _Trouble: Nothing came, and why.
        """
        data = {
            "timeout": str(seconds),
            "limit": str(BATCH),
            "allowed_updates": msgspec.json.encode(ALLOWED_UPDATES).decode(),
        }
        if self._offset is not None:
            data["offset"] = str(self._offset)
        try:
            answer = await self._s.request.fetch(
                "POST", self._s.address, data, read_seconds=seconds + _EXTRA_SECONDS
            )
        except NetworkError as exc:
            raise _Trouble(f"Telegram can't be reached: {exc}", first=0.5, most=30.0) from exc
        except TelegramError as exc:
            raise _Trouble(f"Telegram: {exc}", first=1.0, most=30.0) from exc
        if answer.status != HTTPStatus.OK:
            raise _refused(answer.status, answer.body)
        try:
            read = msgspec.json.decode(answer.body, type=_Answer)
        except msgspec.DecodeError as exc:
            raise _Trouble("Telegram answered something odd", first=1.0, most=30.0) from exc
        if not read.ok:
            raise _Trouble("Telegram answered something odd", first=1.0, most=30.0)
        return read.result

    async def _pause(self, trouble: _Trouble) -> None:
        """Note what is wrong and wait: twice as long each time, at random up to that."""
        self._s.condition.ill(str(trouble))
        lasting = self._failures > 0  # the first may be our own last process, or be over by now
        if (trouble.tell and lasting) or self._s.condition.seconds > _TELL_AFTER_SECONDS:
            await self._tell_once(str(trouble))
        limit = min(trouble.first * 2.0**self._failures, trouble.most)
        self._failures = min(self._failures + 1, 16)
        await self._s.wall.sleep(limit * (0.5 + 0.5 * self._s.jitter()))

    async def _tell_once(self, message: str) -> None:
        if self._told != message:
            self._told = message
            await self._s.facts.trouble(message)

    def _recovered_well(self) -> None:
        self._failures = 0
        self._told = ""
        self._s.condition.well()

    # --- the inbox ---------------------------------------------------------------------------

    async def _left_over(self) -> tuple[InboxUpdate, ...]:
        """Return what an earlier process had taken in and not finished."""
        while True:
            try:
                async with self._s.unit_of_work() as uow:
                    return await uow.inbox.pending()
            except StorageError as exc:
                await self._pause(_storage_trouble(exc))

    def _recover(self, rows: Sequence[InboxUpdate]) -> None:
        """Judge left-over updates again: rights may have changed meanwhile."""
        found = (read_update(row.body) for row in rows)
        batch = [
            Judged(update, self._s.gate.judge(update), recovered=True)
            for update in found
            if update is not None
        ]
        if batch:
            _log.info("updates left over from the last run", number=len(batch))
            self._consumer.take(batch, last=True)

    async def _store_until_done(self, bodies: Sequence[msgspec.Raw]) -> None:
        """Commit a batch, hand it on, and only then move the offset."""
        if not bodies:
            self._no_more()
            self._forget_old_offset()
            return
        self._last_update = self._s.wall.monotonic()
        batch = self._judge(bodies)
        new = await self._store_however_long(batch)
        self._more = len(bodies) >= BATCH
        self._consumer.take(new, last=not self._more)
        if batch:
            self._offset = max(judged.update.update_id for judged, _ in batch) + 1
        await asyncio.sleep(0)  # a kill of this batch runs before the next poll goes out

    def _no_more(self) -> None:
        """Tell that a run of full batches is over."""
        if self._more:
            self._more = False
            self._consumer.take((), last=True)

    def _judge(self, bodies: Sequence[msgspec.Raw]) -> list[tuple[Judged, bytes]]:
        batch = []
        for body in bodies:
            update = read_update(body)
            if update is None:
                _log.warning("update without a number ignored")
                continue
            batch.append((Judged(update, self._s.gate.judge(update)), bytes(body)))
        return batch

    async def _store_however_long(self, batch: Sequence[tuple[Judged, bytes]]) -> list[Judged]:
        """Store a batch, waiting for a database that refuses; a kill in it does not wait."""
        tried_kills = False
        while True:
            try:
                new = await self._store(batch)
            except StorageError as exc:
                if not tried_kills:
                    self._consumer.kill([judged for judged, _ in batch])
                    tried_kills = True
                await self._pause(_storage_trouble(exc))
                continue
            if tried_kills:
                self._recovered_well()
            return new

    async def _store(self, batch: Sequence[tuple[Judged, bytes]]) -> list[Judged]:
        """Insert a batch in one commit; return those that were not there yet."""
        now = self._s.wall.now()
        async with self._s.unit_of_work() as uow:
            new = await uow.inbox.add_all([_row(judged, body, now) for judged, body in batch])
            await uow.commit()
        first = {judged.update.update_id: judged for judged, _ in reversed(batch)}
        return [judged for update_id, judged in sorted(first.items()) if update_id in new]

    def _forget_old_offset(self) -> None:
        if self._s.wall.monotonic() - self._last_update > _FORGET_OFFSET_SECONDS:
            self._offset = None


def _row(judged: Judged, body: bytes, now: datetime) -> InboxUpdate:
    """Return the inbox row; of what nobody will answer only the fact is kept, not the text."""
    update, verdict = judged.update, judged.verdict
    wanted = verdict.action in {Action.OBEY, Action.EXPLAIN}
    return InboxUpdate(
        update_id=update.update_id,
        received_at=now,
        sent_at=update.sent_at,
        kind=update.kind,
        actor_id=update.sender.id if update.sender is not None else None,
        chat_id=update.chat.id if update.chat is not None else None,
        body=body if wanted else b"",
        state="received" if wanted else "refused",
        note="" if wanted else verdict.reason,
    )


def _refused(status: int, body: bytes) -> _Trouble:
    """Return the trouble that an HTTP status stands for."""
    try:
        said = msgspec.json.decode(body, type=_Refusal).description
    except msgspec.DecodeError:
        said = ""
    if status == HTTPStatus.CONFLICT and "webhook" in said.lower():
        text = (
            "a webhook is set for this bot, so its messages go elsewhere. Remove it "
            "(deleteWebhook); if you did not set it, revoke the token with BotFather"
        )
        return _Trouble(text, first=1.0, most=60.0, tell=True)
    if status == HTTPStatus.CONFLICT:
        text = (
            "another process reads this bot's messages with the same token. Stop the other one; "
            "if there is none of yours, revoke the token with BotFather"
        )
        return _Trouble(text, first=5.0, most=60.0, tell=True)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
        text = (
            f"Telegram refuses the bot token ({status}). Set a valid TELEGRAM_TOKEN and start "
            "again; trading goes on, outcry kill works without Telegram"
        )
        return _Trouble(text, first=15.0, most=300.0, tell=True)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = retry_after(body)
        return _Trouble("Telegram asks to slow down", first=2 * seconds, most=2 * seconds)
    return _Trouble(f"Telegram answers with an error ({status})", first=1.0, most=30.0)


def _storage_trouble(exc: StorageError) -> _Trouble:
    return _Trouble(f"the inbox can't be written, commands wait: {exc}", first=0.5, most=5.0)
