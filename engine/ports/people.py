"""Ways to people: the chat, and channels for alerts."""

from dataclasses import dataclass
from typing import Protocol

from engine.domain.messages import Event, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatButton:
    """A button below a message: a press is as good as typing `line`.

    Attributes:
        danger: What it leads to trades; shown in red where the client can.
    """

    label: str
    line: str
    danger: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message to a chat, ready to send.

    Attributes:
        html: Telegram's HTML subset, at most 4096 UTF-16 units after parsing (caption: 1024).
        photo: PNG bytes; the text becomes its caption.
        buttons: One row below the text.
    """

    chat_id: int
    html: str
    silent: bool = False
    photo: bytes | None = None
    reply_to: int | None = None
    buttons: tuple[ChatButton, ...] = ()


class ChatSender(Protocol):
    """The one way to a chat that notifiers have; the bot owns the connection and the limits.

    Raises:
        DeliveryDelayed: Flood control, network, server error.
        DeliveryRefused: Blocked by the user, chat not found, text that does not parse.
    """

    async def send(self, message: ChatMessage) -> str:
        """Send as an alert (replies go first) and return the provider's message id."""
        ...


class Channel(Protocol):
    """A way to reach a person. One file per channel in `notifiers/channels`.

    `compose` is pure and deterministic; `send` delivers one composed body.
    """

    name: str

    def recipients(self) -> tuple[str, ...]:
        """Return the addresses that alerts go to by default."""
        ...

    def compose(self, event: Event, severity: Severity) -> tuple[str, ...]:
        """Return the bodies (JSON text, one per part) that tell `event`, nothing left out."""
        ...

    async def send(
        self,
        recipient: str,
        body: str,
        *,
        key: str,
        repeat: bool,
        late_seconds: float | None,
    ) -> str:
        """Deliver one body; return the provider's id.

        Args:
            key: Deterministic per message and recipient: for Message-ID, sequence ids.
            repeat: An earlier try may have arrived: mark it.
            late_seconds: How long after the fact this goes out, None when it is in time.

        Raises:
            DeliveryDelayed, DeliveryRefused
        """
        ...

    async def close(self) -> None: ...
