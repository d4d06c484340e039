"""What a command answers with, and the buttons under it.

Callback data holds at most 64 bytes (https://core.telegram.org/bots/api#inlinekeyboardbutton), so
a button carries a command line, or the number of a stored ticket; never an index into a list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

DATA_LIMIT = 64


class Press(StrEnum):
    """The first letter of callback data: what a press does."""

    ANSWER = "a"  # run the command line that follows, answer with a new message
    EDIT = "e"  # run it and put the answer in place of this message
    CONFIRM = "c"  # a ticket: carry it out
    DECLINE = "n"  # a ticket: drop it
    DISMISS = "i"  # take the buttons away
    NOTHING = "0"  # a label that looks like a button


class Emphasis(StrEnum):
    """Bot API 9.4's button styles; older clients show a plain button."""

    NONE = ""
    DANGER = "danger"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    label: str
    data: str
    emphasis: Emphasis = Emphasis.NONE

    def __post_init__(self) -> None:
        if not 1 <= len(self.data.encode()) <= DATA_LIMIT:
            raise ValueError(f"callback data of {self.label!r} is not 1 to {DATA_LIMIT} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer.

    Attributes:
        html: Telegram's HTML subset, of any length: the sender splits it.
        photo: PNG bytes; the text becomes the caption.
        ticket_id: The ticket whose buttons this carries: bound to the message once it is sent.
        outdated: The message whose button asked for this has nothing left to ask: it loses its
            buttons.
    """

    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    photo: bytes | None = None
    ticket_id: str | None = None
    outdated: bool = False


def command_button(
    label: str, line: str, *, edit: bool = False, emphasis: Emphasis = Emphasis.NONE
) -> Button | None:
    """Return a button that runs a command line as if typed; None if the line is too long."""
    data = f"{Press.EDIT if edit else Press.ANSWER}|{line}"
    if len(data.encode()) > DATA_LIMIT:
        return None
    return Button(label=label, data=data, emphasis=emphasis)


def refresh_button(line: str) -> Button | None:
    """Return the button that asks the same again, arguments included, in place."""
    return command_button("Refresh", line, edit=True)


def row(*buttons: Button | None) -> tuple[Button, ...]:
    """Return a row of those that there are."""
    return tuple(button for button in buttons if button is not None)


def rows(*candidates: Sequence[Button]) -> tuple[tuple[Button, ...], ...]:
    """Return the rows that have buttons."""
    return tuple(tuple(buttons) for buttons in candidates if buttons)


def grid(buttons: Sequence[Button], across: int = 2) -> tuple[tuple[Button, ...], ...]:
    """Return buttons in rows of `across`."""
    return tuple(tuple(buttons[start : start + across]) for start in range(0, len(buttons), across))
