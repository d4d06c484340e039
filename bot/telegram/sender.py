"""The one sender to Telegram: replies, edits, button answers, and the notifiers' alerts."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    TelegramError,
    TimedOut,
)

from bot.telegram.limits import SendLimiter
from bot.telegram.replies import Button, Emphasis, Reply, command_button, row, rows
from bot.telegram.transport import AnswerLost, FloodControl, NotSent
from engine.errors import DeliveryDelayed, DeliveryRefused
from engine.ports import ChatButton, ChatMessage, WallClock
from render.html import CAPTION_LIMIT, split_html, utf16_length, visible_text

T = TypeVar("T")
Buttons = tuple[tuple[Button, ...], ...]
Posted = Callable[[int, int, str, Buttons], None]

_log = structlog.get_logger(__name__)

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)  # nobody fetches an address that we mention
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_SAME = "message is not modified"
_OLD_QUERY = ("query is too old", "query id is invalid")
_GONE_CHAT = ("chat not found", "user is deactivated", "peer_id_invalid", "chat_id is empty")


class TelegramSender:
    """Sends through one connection pool by one limiter; implements the `ChatSender` port."""

    def __init__(
        self, bot: Bot, limiter: SendLimiter, wall: WallClock, *, reply_seconds: float = 120.0
    ) -> None:
        """Store what is used; nothing is opened.

        Args:
            reply_seconds: How long a reply is tried again before it is given up.
        """
        self._bot = bot
        self._limiter = limiter
        self._wall = wall
        self._reply_seconds = reply_seconds
        self._posted: Posted | None = None

    def watch(self, posted: Posted) -> None:
        """Call `posted` with chat, message, text and buttons of whatever is shown from now on."""
        self._posted = posted

    # --- alerts ------------------------------------------------------------------------------

    async def send(self, message: ChatMessage) -> str:
        """Send an alert, after the replies that wait for the same chat.

        Raises:
            DeliveryDelayed: Flood control, network, server error, token refused.
            DeliveryRefused: Blocked by the user, chat not found, text that does not parse.
        """
        await self._limiter.admit_alert(message.chat_id)
        buttons = alert_buttons(message.buttons)
        sent = await self._mapped(message.chat_id, lambda: self._post_alert(message, buttons))
        self._note(message.chat_id, sent.message_id, message.html, buttons)
        return str(sent.message_id)

    async def _post_alert(self, message: ChatMessage, buttons: Buttons) -> Message:
        answered, markup = _in_reply_to(message.reply_to), keyboard(buttons)
        if message.photo is not None:
            return await self._bot.send_photo(
                message.chat_id,
                message.photo,
                caption=message.html,
                parse_mode=ParseMode.HTML,
                disable_notification=message.silent,
                reply_parameters=answered,
                reply_markup=markup,
            )
        return await self._bot.send_message(
            message.chat_id,
            message.html,
            parse_mode=ParseMode.HTML,
            link_preview_options=_NO_PREVIEW,
            disable_notification=message.silent,
            reply_parameters=answered,
            reply_markup=markup,
        )

    # --- replies -----------------------------------------------------------------------------

    async def reply(self, chat_id: int, reply: Reply) -> int:
        """Send an answer, in parts where it is long; return the number of the last message.

        Raises:
            DeliveryDelayed: It was tried for `reply_seconds` in vain.
            DeliveryRefused: The chat is gone, or the text is refused even without markup.
        """
        if reply.photo is not None and fits_caption(reply.html):
            return await self._reply_photo(chat_id, reply.photo, reply.html, reply.buttons)
        if reply.photo is not None:
            await self._reply_photo(chat_id, reply.photo, "", ())
        *first, last = split_html(reply.html)
        for part in first:
            await self._reply_text(chat_id, part, ())
        number = await self._reply_text(chat_id, last, reply.buttons)
        self._note(chat_id, number, last, reply.buttons)
        return number

    async def edit(self, chat_id: int, message_id: int, reply: Reply) -> int:
        """Put an answer in place of a message; where that can't be, send it as a new one.

        Returns:
            The number of the message that shows it now.

        Raises:
            DeliveryDelayed, DeliveryRefused: As for `reply`.
        """
        try:
            await self._persist(chat_id, lambda: self._post_edit(chat_id, message_id, reply))
        except DeliveryRefused as exc:
            if exc.disable:
                raise
            return await self.reply(chat_id, reply)
        self._note(chat_id, message_id, reply.html, reply.buttons)
        return message_id

    async def amend(self, chat_id: int, message_id: int, reply: Reply) -> None:
        """Change a message that nobody asked to be changed; one that is gone is let be."""
        try:
            await self._persist(chat_id, lambda: self._post_edit(chat_id, message_id, reply))
        except (DeliveryDelayed, DeliveryRefused) as exc:
            _log.info("message not amended", chat_id=chat_id, error=str(exc))

    async def remove_buttons(self, chat_id: int, message_id: int) -> None:
        """Take the buttons off a message; one that is gone has none."""
        try:
            await self._mapped(chat_id, lambda: self._post_no_buttons(chat_id, message_id))
        except (DeliveryDelayed, DeliveryRefused) as exc:
            _log.info("buttons not removed", chat_id=chat_id, error=str(exc))

    async def answer_press(self, query_id: str, text: str = "", *, alert: bool = False) -> None:
        """Stop the button's spinner; a press that is too old to be answered is let be."""
        try:
            await self._bot.answer_callback_query(query_id, text[:200] or None, show_alert=alert)
        except TelegramError as exc:
            if not any(text in str(exc).lower() for text in _OLD_QUERY):
                _log.info("button press not answered", error=str(delivery_error(exc)))

    async def leave(self, chat_id: int) -> None:
        """Leave a group.

        Raises:
            DeliveryDelayed, DeliveryRefused
        """
        await self._mapped(chat_id, lambda: self._bot.leave_chat(chat_id))

    def _note(self, chat_id: int, message_id: int, html: str, buttons: Buttons) -> None:
        if self._posted is not None:
            self._posted(chat_id, message_id, html, buttons)

    # --- parts -------------------------------------------------------------------------------

    async def _reply_text(self, chat_id: int, html: str, buttons: Buttons) -> int:
        async def post(text: str, parse_mode: str | None) -> Message:
            return await self._bot.send_message(
                chat_id,
                text,
                parse_mode=parse_mode,
                link_preview_options=_NO_PREVIEW,
                reply_markup=keyboard(buttons),
            )

        try:
            sent = await self._persist(chat_id, lambda: post(html, ParseMode.HTML))
        except DeliveryRefused as exc:
            if not exc.try_plain:
                raise
            _log.error("reply markup refused, sent as plain text", error=str(exc))
            sent = await self._persist(chat_id, lambda: post(visible_text(html), None))
        return sent.message_id

    async def _reply_photo(self, chat_id: int, photo: bytes, html: str, buttons: Buttons) -> int:
        async def post() -> Message:
            return await self._bot.send_photo(
                chat_id,
                photo,
                caption=html or None,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard(buttons),
            )

        return (await self._persist(chat_id, post)).message_id

    async def _post_edit(self, chat_id: int, message_id: int, reply: Reply) -> None:
        try:
            await self._change(chat_id, message_id, reply)
        except BadRequest as exc:
            if not is_unmodified(exc):
                raise

    async def _change(self, chat_id: int, message_id: int, reply: Reply) -> None:
        markup = keyboard(reply.buttons)
        if reply.photo is not None:
            media = InputMediaPhoto(reply.photo, caption=reply.html, parse_mode=ParseMode.HTML)
            await self._bot.edit_message_media(media, chat_id, message_id, reply_markup=markup)
            return
        html = split_html(reply.html)[0]
        await self._bot.edit_message_text(
            html,
            chat_id,
            message_id,
            parse_mode=ParseMode.HTML,
            link_preview_options=_NO_PREVIEW,
            reply_markup=markup,
        )

    async def _post_no_buttons(self, chat_id: int, message_id: int) -> None:
        await self._bot.edit_message_reply_markup(chat_id, message_id, reply_markup=None)

    async def _persist(self, chat_id: int, post: Callable[[], Awaitable[T]]) -> T:
        """Post a reply again and again until it is taken, refused, or too late."""
        give_up = self._wall.monotonic() + self._reply_seconds
        pause = _FIRST_PAUSE
        while True:
            await self._limiter.admit_reply(chat_id)
            try:
                return await self._mapped(chat_id, post)
            except DeliveryDelayed as exc:
                if self._wall.monotonic() + pause > give_up:
                    raise
                if exc.retry_after is None:
                    await self._wall.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)

    async def _mapped(self, chat_id: int, post: Callable[[], Awaitable[T]]) -> T:
        try:
            return await post()
        except TelegramError as exc:
            error = delivery_error(exc)  # raised below without its cause: that holds the address
        if isinstance(error, DeliveryDelayed) and error.retry_after is not None:
            self._limiter.hold(chat_id, error.retry_after)
        raise error


def alert_buttons(buttons: tuple[ChatButton, ...]) -> Buttons:
    """Return an alert's buttons as one row; one whose line is too long for a button is left out."""
    return rows(
        row(
            *(
                command_button(
                    button.label,
                    button.line,
                    emphasis=Emphasis.DANGER if button.danger else Emphasis.NONE,
                )
                for button in buttons
            )
        )
    )


def keyboard(buttons: Buttons) -> InlineKeyboardMarkup | None:
    """Return the library's markup of our buttons."""
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(
                    button.label, callback_data=button.data, style=button.emphasis.value or None
                )
                for button in row
            ]
            for row in buttons
        ]
    )


def delivery_error(exc: TelegramError) -> DeliveryDelayed | DeliveryRefused:
    """Return ours for what the library raised; texts carry no token and no address.

    The order matters: python-telegram-bot's `BadRequest` and `TimedOut` are `NetworkError`s.
    """
    if isinstance(exc, FloodControl):
        return DeliveryDelayed("Telegram asks to slow down", retry_after=exc.seconds)
    if isinstance(exc, NotSent):
        return DeliveryDelayed(f"Telegram can't be reached: {exc}")
    if isinstance(exc, TimedOut | AnswerLost):
        return DeliveryDelayed(f"no answer from Telegram: {exc}", may_have_arrived=True)
    if isinstance(exc, InvalidToken) and "not found" in str(exc).lower():
        return DeliveryRefused(
            "the Bot API server does not know this method, or the token is malformed (404)"
        )
    if isinstance(exc, InvalidToken):
        return DeliveryDelayed("Telegram refuses the bot token: set a valid TELEGRAM_TOKEN")
    if isinstance(exc, Forbidden):
        return DeliveryRefused(f"the chat does not take our messages: {exc}", disable=True)
    if isinstance(exc, ChatMigrated):
        return DeliveryRefused(
            f"the group has a new id, {exc.new_chat_id}: put that into telegram.chats", disable=True
        )
    if isinstance(exc, BadRequest):
        return _bad_request(str(exc))
    if isinstance(exc, Conflict):
        return DeliveryDelayed(f"Telegram reports a conflict: {exc}")
    return DeliveryDelayed(
        f"Telegram answered oddly: {exc}", may_have_arrived="invalid server" in str(exc).lower()
    )


def is_unmodified(exc: TelegramError) -> bool:
    """Tell whether an edit was refused because the message says just that already."""
    return isinstance(exc, BadRequest) and _SAME in str(exc).lower()


def fits_caption(html: str) -> bool:
    return utf16_length(visible_text(html)) <= CAPTION_LIMIT


def _bad_request(text: str) -> DeliveryRefused:
    lowered = text.lower()
    return DeliveryRefused(
        f"Telegram refused the message: {text}",
        try_plain="can't parse entities" in lowered,
        disable=any(phrase in lowered for phrase in _GONE_CHAT),
    )


def _in_reply_to(message_id: int | None) -> ReplyParameters | None:
    if message_id is None:
        return None
    return ReplyParameters(message_id, allow_sending_without_reply=True)
