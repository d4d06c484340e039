"""What messages are made of: text, captions, media, replies."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.botapi.chats import Chat, Chats, Message
from sandbox.botapi.entities import (
    EntityError,
    FormattedText,
    explicit_entities,
    parse_html,
    plain,
    utf16_length,
)
from sandbox.botapi.errors import bad_request
from sandbox.botapi.files import MAX_PHOTO, Files, StoredFile
from sandbox.botapi.params import Params, Upload
from sandbox.jsontypes import JsonObject, as_int, as_list, as_object, as_text

MAX_TEXT = 4096
MAX_CAPTION = 1024


def read_formatted(params: Params, name: str, entities_name: str) -> FormattedText:
    """Read text in the parse mode it came with.

    Raises:
        ApiError: 400 `can't parse entities: ...` or `unsupported parse_mode`.
    """
    mode = params.text("parse_mode").lower()
    source = params.text(name).replace("\r", "")
    if mode == "html":
        try:
            return parse_html(source)
        except EntityError as exc:
            raise bad_request(f"can't parse entities: {exc}") from exc
    if mode not in ("", "none"):
        raise bad_request("unsupported parse_mode (this sandbox reads HTML and plain text)")
    given = params.array(entities_name, "entities") or []
    return plain(source, explicit_entities(given))


def read_text(params: Params) -> JsonObject:
    """Read the text of a message, 1 to 4096 UTF-16 units after entity parsing.

    Raises:
        ApiError: 400 if it is empty, too long or badly formatted.
    """
    formatted = read_formatted(params, "text", "entities")
    if not formatted.text:
        raise bad_request("message text is empty")
    if formatted.length > MAX_TEXT:
        raise bad_request("message is too long")
    return as_fields(formatted, "text", "entities")


def read_caption(params: Params) -> JsonObject:
    """Read an optional caption, at most 1024 UTF-16 units after entity parsing.

    Raises:
        ApiError: 400 if it is too long or badly formatted.
    """
    formatted = read_formatted(params, "caption", "caption_entities")
    if formatted.length > MAX_CAPTION:
        raise bad_request("message caption is too long")
    fields = as_fields(formatted, "caption", "caption_entities")
    if fields and params.flag("show_caption_above_media"):
        fields["show_caption_above_media"] = True
    return fields


def as_fields(formatted: FormattedText, text_name: str, entities_name: str) -> JsonObject:
    """Return the message's fields for a formatted text; none for an empty one."""
    if not formatted.text:
        return {}
    fields: JsonObject = {text_name: formatted.text}
    if formatted.entities:
        fields[entities_name] = [entity.to_json() for entity in formatted.entities]
    return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaReader:
    """Finds the file a parameter means: an upload, `attach://name`, or a known file id."""

    files: Files

    def photo(self, params: Params, reference: str, field: str) -> JsonObject:
        """Return the message's fields for a photo.

        Raises:
            ApiError: 400 if there is none, or it is not an image Telegram would take.
        """
        stored = self._find(params, reference, field, "photos", "photo")
        if stored.size > MAX_PHOTO:
            raise bad_request(
                f"file of size {stored.size} bytes is too big for a photo; "
                f"the maximum size is {MAX_PHOTO} bytes"
            )
        if not stored.width:
            raise bad_request("IMAGE_PROCESS_FAILED")
        narrow, wide = sorted((stored.width, stored.height))
        if narrow + wide > 10_000 or wide > 20 * narrow:
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
        return {"photo": [stored.as_photo()]}

    def document(self, params: Params, reference: str, field: str) -> JsonObject:
        """Return the message's fields for a document.

        Raises:
            ApiError: 400 if there is none.
        """
        stored = self._find(params, reference, field, "documents", "document")
        return {"document": stored.as_document()}

    def _find(
        self, params: Params, reference: str, field: str, folder: str, what: str
    ) -> StoredFile:
        upload = _uploaded(params, reference, field)
        if upload is not None:
            if not upload.content:
                raise bad_request("file must be non-empty")
            return self.files.store(folder, upload)
        if not reference:
            raise bad_request(f"there is no {what} in the request")
        if reference.startswith(("http://", "https://")):
            raise bad_request("failed to get HTTP URL content")
        stored = self.files.find(reference)
        if stored is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        return stored


def _uploaded(params: Params, reference: str, field: str) -> Upload | None:
    if reference.startswith("attach://"):
        return params.uploads.get(reference.removeprefix("attach://"))
    return params.uploads.get(field)


def read_reply(params: Params, chats: Chats, chat: Chat) -> JsonObject:
    """Return the message's fields that quote the message it replies to.

    Raises:
        ApiError: 400 `message to be replied not found`.
    """
    given = params.object("reply_parameters", "reply parameters") or {}
    message_id = as_int(given.get("message_id")) or params.integer("reply_to_message_id")
    if not message_id:
        return {}
    chat_id = as_int(given.get("chat_id"), chat.chat_id) or chat.chat_id
    replied = chats.find_message(chat_id, message_id)
    if replied is None:
        tolerant = given.get("allow_sending_without_reply") is True
        if tolerant or params.flag("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")
    fields: JsonObject = {"reply_to_message": replied.quoted()}
    if quote := as_text(given.get("quote")):
        fields["quote"] = _quote(quote, replied)
    return fields


def _quote(quote: str, replied: Message) -> JsonObject:
    text = as_text(replied.doc.get("text")) or as_text(replied.doc.get("caption"))
    at = text.find(quote)
    if at < 0:
        raise bad_request("QUOTE_TEXT_INVALID")
    return {"text": quote, "position": utf16_length(text[:at]), "is_manual": True}


def check_thread(params: Params, chat: Chat) -> JsonObject:
    """Return the message's fields for a forum topic.

    Raises:
        ApiError: 400 `message thread not found` where there are no topics.
    """
    thread_id = params.integer("message_thread_id")
    if not thread_id:
        return {}
    topics = [as_int(as_object(item).get("id")) for item in as_list(chat.state.get("topics"))]
    if not chat.doc.get("is_forum") or (topics and thread_id not in topics):
        raise bad_request("message thread not found")
    return {"message_thread_id": thread_id, "is_topic_message": True}
