"""Checks of `reply_markup`, with the limits of core.telegram.org/bots/api#inlinekeyboardbutton."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.botapi.entities import utf16_length
from sandbox.botapi.errors import ApiError, bad_request
from sandbox.botapi.params import Params
from sandbox.jsontypes import JsonObject, as_list, as_object, as_text

MAX_BUTTONS = 100
MAX_ROW = 8
_ACTIONS = (
    "callback_data",
    "url",
    "copy_text",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "callback_game",
    "pay",
    "disabled",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """What a message brings along: buttons under it, or an instruction for the keyboard.

    Attributes:
        inline: The inline keyboard, kept in the message itself.
        keyboard: A reply keyboard, its removal or a forced reply, kept by the client.
    """

    inline: JsonObject | None = None
    keyboard: JsonObject | None = None


def read_markup(params: Params) -> Markup:
    """Read and check the `reply_markup` parameter.

    Raises:
        ApiError: 400 with Telegram's text.
    """
    raw = params.object("reply_markup", "reply keyboard markup")
    if not raw:
        return Markup()
    if "inline_keyboard" in raw:
        rows = [row for row in map(_inline_row, as_list(raw["inline_keyboard"])) if row]
        if sum(map(len, rows)) > MAX_BUTTONS:
            raise bad_request("reply markup is too long")
        return Markup(inline={"inline_keyboard": rows} if rows else None)
    if "keyboard" in raw:
        rows = [row for row in map(_reply_row, as_list(raw["keyboard"])) if row]
        return Markup(keyboard={**raw, "keyboard": rows})
    if raw.get("remove_keyboard") is True or raw.get("force_reply") is True:
        return Markup(keyboard=raw)
    raise bad_request("object expected as reply markup")


def _inline_row(row: object) -> list[JsonObject]:
    if not isinstance(row, list):
        raise bad_request("can't parse inline keyboard button: Expected an Array of Array")
    if len(row) > MAX_ROW:
        raise bad_request("reply markup is too long")
    return [_inline_button(as_object(button)) for button in row]


def _inline_button(button: JsonObject) -> JsonObject:
    label = as_text(button.get("text")).strip()
    if not label:
        raise _button_error('Can\'t find field "text"')
    if not any(name in button for name in _ACTIONS):
        raise _button_error("Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button:
        size = len(as_text(button["callback_data"]).encode())
        if not 1 <= size <= 64:
            raise bad_request("BUTTON_DATA_INVALID")
    if "copy_text" in button:
        size = utf16_length(as_text(as_object(button["copy_text"]).get("text")))
        if not 1 <= size <= 256:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if "url" in button:
        _check_url(as_text(button["url"]))
    return button


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://", "tg://", "ton://")):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _button_error(text: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {text}")


def _reply_row(row: object) -> list[JsonObject]:
    if not isinstance(row, list):
        raise bad_request('field "keyboard" must be an Array of Arrays')
    return [{"text": button} if isinstance(button, str) else as_object(button) for button in row]
