"""An update that an operator sent, reduced to what it asks for."""

from dataclasses import dataclass
from datetime import datetime

from bot.telegram.parse import CommandLine, parse_line
from bot.telegram.replies import Press
from bot.telegram.settings import Operator
from bot.telegram.updates import Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What an operator sent.

    Attributes:
        line: The command, typed or carried by a button; None where there is none.
        press: What a button asks for, None for a message.
        payload: What stands behind the press letter: a line or a ticket's id.
        query_id: To answer the press by.
        message_id: Of the message, or of the one whose button was pressed.
        sent_at: When it was typed, by Telegram's clock; None for a press.
        recovered: Found in the inbox at a start: it may have been handled in part.
        objection: Why it is not obeyed although an operator sent it; usually empty.
    """

    update_id: int
    operator: Operator
    chat_id: int
    is_private: bool
    message_id: int
    line: CommandLine | None = None
    press: Press | None = None
    payload: str = ""
    query_id: str = ""
    sent_at: datetime | None = None
    recovered: bool = False
    objection: str = ""

    @property
    def cause(self) -> str:
        return f"update/{self.update_id}"

    @property
    def edits(self) -> bool:
        """Tell whether the answer goes in place of the message."""
        return self.press in {Press.EDIT, Press.CONFIRM, Press.DECLINE}


def read_incoming(
    update: Update,
    operator: Operator,
    *,
    bot_name: str,
    recovered: bool = False,
    objection: str = "",
) -> Incoming | None:
    """Return what an authorised update asks for; None where it can't ask for anything.

    Args:
        bot_name: Our user name: in a group, commands for another bot are none of ours.
    """
    if update.message is not None:
        message = update.message
        name = None if message.chat.is_private else bot_name
        return Incoming(
            update_id=update.update_id,
            operator=operator,
            chat_id=message.chat.id,
            is_private=message.chat.is_private,
            message_id=message.message_id,
            line=parse_line(message.text or message.caption, name),
            sent_at=update.sent_at,
            recovered=recovered,
            objection=objection,
        )
    if update.callback_query is not None and update.callback_query.message is not None:
        query, message = update.callback_query, update.callback_query.message
        letter, _, payload = query.data.partition("|")
        press = Press(letter) if letter in set(Press) else None
        carries_line = press in {Press.ANSWER, Press.EDIT}
        return Incoming(
            update_id=update.update_id,
            operator=operator,
            chat_id=message.chat.id,
            is_private=message.chat.is_private,
            message_id=message.message_id,
            line=parse_line(payload) if carries_line else None,
            press=press,
            payload=payload,
            query_id=query.id,
            recovered=recovered,
        )
    return None
