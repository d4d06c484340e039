"""What the bot is started with."""

from dataclasses import dataclass, field

from engine.domain.messages import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who may command: known by the numeric Telegram user id, never by a name."""

    id: int
    role: Role
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """Settings of the bot. The token is left out of `repr`, so that it reaches no log.

    Attributes:
        base_url, base_file_url: Any Bot API server, in python-telegram-bot's form: the token is
            appended ("http://127.0.0.1:8081/bot").
        operators: Who may command; empty means nobody.
        chats: Groups in which operators may command; the bot leaves every other one.
        poll_timeout: Seconds that a long poll waits at the server, which caps them at 50.
        freshness_seconds: An older command is not simply run (see `bot.telegram.away`).
        trade_ticket_seconds, danger_ticket_seconds: How long a confirmation may be given.
        handler_seconds: After that the operator is told that no answer came.
        lane_patience: How long an operator's next command waits for the one before it.
        lane_depth: An operator's unanswered commands beyond that are refused, in one answer;
            commands that tighten never are.
        reply_seconds: How long a reply is tried again before it is given up.
    """

    token: str = field(repr=False)
    base_url: str = "https://api.telegram.org/bot"
    base_file_url: str = "https://api.telegram.org/file/bot"
    operators: tuple[Operator, ...] = ()
    chats: tuple[int, ...] = ()
    poll_timeout: int = 25
    freshness_seconds: float = 60.0
    trade_ticket_seconds: float = 120.0
    danger_ticket_seconds: float = 30.0
    handler_seconds: float = 30.0
    lane_patience: float = 2.0
    lane_depth: int = 20
    reply_seconds: float = 120.0

    def operator(self, user_id: int) -> Operator | None:
        """Return the operator of that id, None for anybody else."""
        return next((known for known in self.operators if known.id == user_id), None)
