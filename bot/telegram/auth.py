"""Who may command: numeric sender id, chat and the way a message came about, on every update.

Nothing here looks at names. An empty list of operators lets nobody in.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto

from bot.telegram.settings import Operator, TelegramSettings
from bot.telegram.updates import Message, Update, User
from engine.ports import WallClock

# Senders that Telegram puts in place of the real one: the anonymous group admin, the bot that
# stands for a channel, and Telegram itself. Nobody can be told by them.
STAND_INS = frozenset({1087968824, 136817688, 777000})
_COURTESY_SECONDS = 600.0
_REMEMBERED_STRANGERS = 1_000
_JOINED = frozenset({"member", "administrator", "restricted"})


class Action(Enum):
    """What becomes of an update."""

    OBEY = auto()  # an operator, in a chat that is allowed
    EXPLAIN = auto()  # an operator, in a form that is never obeyed: say so
    STRANGER = auto()  # one line with his id, then silence
    LEAVE = auto()  # a group that nobody allowed
    IGNORE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision on one update.

    Attributes:
        reason: Why it is not obeyed, for the log, the inbox row and (EXPLAIN) the operator.
    """

    action: Action
    operator: Operator | None = None
    reason: str = ""


class Gatekeeper:
    """Judges updates by the settings."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._operators = {operator.id: operator for operator in settings.operators}
        self._chats = set(settings.chats)

    def judge(self, update: Update) -> Verdict:
        """Decide on one update; looks at nothing but the update and the settings."""
        if update.my_chat_member is not None:
            return self._judge_membership(update)
        if update.message is not None:
            return self._judge_message(update.message)
        if update.callback_query is not None:
            return self._judge_press(update)
        return _ignore("not a kind of update that is obeyed")

    def migrate(self, old_chat: int, new_chat: int) -> bool:
        """Follow an allowed group to its new id; False when it was not allowed."""
        if old_chat not in self._chats:
            return False
        self._chats.add(new_chat)
        self._chats.discard(old_chat)
        return True

    def _judge_message(self, message: Message) -> Verdict:
        sender = message.sender
        if sender is None or not _is_a_person(sender) or message.sender_chat is not None:
            return self._unless_unknown_group(message, "the sender can't be told")
        if message.chat.is_group and message.chat.id not in self._chats:
            return Verdict(action=Action.LEAVE, reason="this group is not allowed")
        if message.chat.is_private and message.chat.id != sender.id:
            return _ignore("the chat is not the sender's own")
        if not (message.chat.is_private or message.chat.is_group):
            return _ignore("channels are not obeyed")
        operator = self._operators.get(sender.id)
        if operator is None:
            if message.chat.is_group and not message.text.startswith("/"):
                return _ignore("talk in a group")
            return Verdict(action=Action.STRANGER, reason="not an operator")
        form = _unusual_form(message)
        if form:
            return Verdict(action=Action.EXPLAIN, operator=operator, reason=form)
        return Verdict(action=Action.OBEY, operator=operator)

    def _judge_press(self, update: Update) -> Verdict:
        press = update.callback_query
        if press is None or press.message is None:
            return _ignore("a button outside our chats")
        chat = press.message.chat
        if not _is_a_person(press.sender):
            return _ignore("the sender can't be told")
        operator = self._operators.get(press.sender.id)
        if operator is None:
            return Verdict(action=Action.STRANGER, reason="not an operator")
        own = chat.is_private and chat.id == operator.id
        if not own and not (chat.is_group and chat.id in self._chats):
            return _ignore("this chat is not allowed")
        return Verdict(action=Action.OBEY, operator=operator)

    def _judge_membership(self, update: Update) -> Verdict:
        change = update.my_chat_member
        if change is None or change.chat.is_private or change.chat.id in self._chats:
            return _ignore("nothing to do")
        if change.new_chat_member.status in _JOINED:
            return Verdict(action=Action.LEAVE, reason="added to a chat that is not allowed")
        return _ignore("no longer there")

    def _unless_unknown_group(self, message: Message, reason: str) -> Verdict:
        if message.chat.is_group and message.chat.id not in self._chats:
            return Verdict(action=Action.LEAVE, reason="this group is not allowed")
        return _ignore(reason)


class Courtesy:
    """Says whether a stranger gets his one line now: once in ten minutes, for each of them."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._last: OrderedDict[int, float] = OrderedDict()

    def due(self, user_id: int) -> bool:
        """Return True once per ten minutes and person; remembers a bounded number of people."""
        now = self._clock.monotonic()
        last = self._last.get(user_id)
        if last is not None and now - last < _COURTESY_SECONDS:
            return False
        self._last[user_id] = now
        self._last.move_to_end(user_id)
        while len(self._last) > _REMEMBERED_STRANGERS:
            self._last.popitem(last=False)
        return True


def _is_a_person(sender: User) -> bool:
    return not sender.is_bot and sender.id not in STAND_INS


def _unusual_form(message: Message) -> str:
    """Return why a message was not simply typed into this chat by its sender; empty if it was."""
    if message.forward_origin is not None or message.forward_date is not None:
        return "forwarded messages are never obeyed"
    if message.is_automatic_forward:
        return "forwarded messages are never obeyed"
    if message.edit_date is not None:
        return "edited messages are never obeyed"
    if message.via_bot is not None:
        return "messages sent through another bot are never obeyed"
    if message.business_connection_id is not None or message.guest_query_id is not None:
        return "messages on somebody's behalf are never obeyed"
    return ""


def _ignore(reason: str) -> Verdict:
    return Verdict(action=Action.IGNORE, reason=reason)
