"""Formatted text as Telegram understands it: HTML in, plain text and entities out.

Follows tdlib/td `td/telegram/MessageEntity.cpp` (`do_parse_html`): the same tags, the same error
texts with byte offsets into the source, entity offsets in UTF-16 code units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sandbox.jsontypes import JsonObject, as_int, as_object, as_text

MAX_ENTITIES = 100
_END = "\0"
_SPACE = " \t\n\r\v\f"
_TYPES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#(?:x([0-9a-fA-F]+)|([0-9]+))|([a-zA-Z]+));?")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_FIXED_WIDTH = frozenset({"pre", "code"})
_DETECTED = (
    ("url", re.compile(r"\bhttps?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]")),
    ("email", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")),
    (
        "bot_command",
        re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])"),
    ),
    ("mention", re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}\b")),
    ("hashtag", re.compile(r"(?<![\w#])#(?=\w*[^\W\d])\w{1,256}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?!\w)")),
)


class EntityError(ValueError):
    """Text that Telegram would refuse with "can't parse entities"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A stretch of text with a meaning; offset and length in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str = ""
    language: str = ""
    custom_emoji_id: str = ""
    unix_time: int | None = None
    date_time_format: str = ""

    @property
    def end(self) -> int:
        """First offset behind the entity."""
        return self.offset + self.length

    def to_json(self) -> JsonObject:
        """Return the Bot API's `MessageEntity`."""
        shown: JsonObject = {"type": self.type, "offset": self.offset, "length": self.length}
        for name in ("url", "language", "custom_emoji_id", "date_time_format"):
            if value := getattr(self, name):
                shown[name] = value
        if self.unix_time is not None:
            shown["unix_time"] = self.unix_time
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class FormattedText:
    """Plain text and what its parts mean."""

    text: str
    entities: tuple[Entity, ...] = ()

    @property
    def length(self) -> int:
        """Length as Telegram counts it: UTF-16 code units."""
        return utf16_length(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    tag: str
    attributes: dict[str, str]
    offset: int
    begin: int


def utf16_length(text: str) -> int:
    """Return the number of UTF-16 code units in `text`."""
    return len(text) + sum(1 for char in text if ord(char) > 0xFFFF)


def parse_html(source: str) -> FormattedText:
    """Parse Telegram's HTML subset.

    Raises:
        EntityError: With Telegram's text, for example `Unsupported start tag "x" at byte offset 3`.
    """
    return normalise(_HtmlParser(source).parse())


def plain(text: str, entities: Sequence[Entity] = ()) -> FormattedText:
    """Take text without a parse mode, with the entities a caller gave explicitly."""
    return normalise(FormattedText(text=text, entities=tuple(entities)))


class _HtmlParser:
    """One pass over the source; `_at` is the reading position in characters."""

    def __init__(self, source: str) -> None:
        self._source = source.replace(_END, "") + _END
        self._at = 0
        self._out: list[str] = []
        self._offset = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def parse(self) -> FormattedText:
        while (char := self._source[self._at]) != _END:
            if char == "<":
                self._tag()
            elif char == "&" and (decoded := self._reference()):
                self._emit(decoded)
            else:
                self._emit(char)
                self._at += 1
        if self._open:
            tag = self._open[-1].tag
            raise EntityError(f'Can\'t find end tag corresponding to start tag "{tag}"')
        return FormattedText(text="".join(self._out), entities=tuple(self._entities))

    def _emit(self, text: str) -> None:
        self._out.append(text)
        self._offset += utf16_length(text)

    def _byte(self, position: int) -> int:
        return len(self._source[:position].encode("utf-8", "surrogatepass"))

    def _reference(self) -> str:
        """Decode the reference at the reading position and step over it; "" if there is none."""
        match = _REFERENCE.match(self._source, self._at)
        if match is None:
            return ""
        decoded = _decode(match)
        if decoded:
            self._at = match.end()
        return decoded

    def _tag(self) -> None:
        begin = self._at
        self._at += 1
        if self._source[self._at] == "/":
            self._end_tag(begin)
        else:
            self._start_tag(begin)

    def _run(self, stop: str) -> str:
        start = self._at
        while self._source[self._at] not in stop and self._source[self._at] != _END:
            self._at += 1
        return self._source[start : self._at]

    def _skip_space(self) -> None:
        while self._source[self._at] in _SPACE:
            self._at += 1

    def _start_tag(self, begin: int) -> None:
        tag = self._run(_SPACE + ">").lower()
        if self._source[self._at] == _END:
            raise EntityError(f"Unclosed start tag at byte offset {self._byte(begin)}")
        if tag not in _TYPES:
            raise EntityError(f'Unsupported start tag "{tag}" at byte offset {self._byte(begin)}')
        attributes: dict[str, str] = {}
        while True:
            self._skip_space()
            if self._source[self._at] == ">":
                break
            name, value = self._attribute(tag, begin)
            attributes[name] = value
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            where = self._byte(begin)
            raise EntityError(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
        self._at += 1
        self._open.append(
            _Open(tag=tag, attributes=attributes, offset=self._offset, begin=len(self._out))
        )

    def _attribute(self, tag: str, begin: int) -> tuple[str, str]:
        name = self._run(_SPACE + "=>/\"'")
        where = self._byte(begin)
        if not name:
            raise EntityError(f'Empty attribute name in the tag "{tag}" at byte offset {where}')
        self._skip_space()
        if self._source[self._at] == _END:
            raise EntityError(f'Unclosed start tag "{tag}" at byte offset {where}')
        if self._source[self._at] != "=":
            return name, ""
        self._at += 1
        self._skip_space()
        if self._source[self._at] == _END:
            raise EntityError(f'Unclosed start tag "{tag}" at byte offset {where}')
        value = self._quoted() if self._source[self._at] in "\"'" else self._name_token()
        if self._source[self._at] == _END:
            raise EntityError(f"Unclosed start tag at byte offset {where}")
        return name, value

    def _quoted(self) -> str:
        quote = self._source[self._at]
        self._at += 1
        value: list[str] = []
        while (char := self._source[self._at]) not in (quote, _END):
            if char == "&" and (decoded := self._reference()):
                value.append(decoded)
            else:
                value.append(char)
                self._at += 1
        if self._source[self._at] == quote:
            self._at += 1
        return "".join(value)

    def _name_token(self) -> str:
        start = self._at
        while (char := self._source[self._at]).isascii() and (char.isalnum() or char in ".-"):
            self._at += 1
        if self._source[self._at] not in _SPACE + ">":
            raise EntityError(f"Unexpected end of name token at byte offset {self._byte(start)}")
        return self._source[start : self._at].lower()

    def _end_tag(self, begin: int) -> None:
        where = self._byte(begin)
        if not self._open:
            raise EntityError(f"Unexpected end tag at byte offset {where}")
        self._at += 1
        name = self._run(_SPACE + ">")
        self._skip_space()
        if self._source[self._at] != ">":
            raise EntityError(f"Unclosed end tag at byte offset {where}")
        self._at += 1
        opened = self._open.pop()
        if name and name.lower() != opened.tag:
            raise EntityError(
                f"Unmatched end tag at byte offset {where}, "
                f'expected "</{opened.tag}>", found "</{name}>"'
            )
        if self._offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        entity = Entity(
            type=_TYPES[opened.tag], offset=opened.offset, length=self._offset - opened.offset
        )
        inner = self._entities[-1] if self._entities else None
        covers = inner is not None and (inner.offset, inner.end) == (entity.offset, entity.end)
        if opened.tag == "code":
            entity = replace(entity, language=_language(opened.attributes))
        if inner is not None and covers and {inner.type, entity.type} == {"pre", "code"}:
            self._entities[-1] = replace(
                entity, type="pre", language=entity.language or inner.language
            )
            return
        completed = self._complete(entity, opened)
        if completed is not None:
            self._entities.append(completed)

    def _complete(self, entity: Entity, opened: _Open) -> Entity | None:
        attributes = opened.attributes
        if opened.tag == "blockquote" and "expandable" in attributes:
            return replace(entity, type="expandable_blockquote")
        if opened.tag == "a":
            return _link(entity, attributes.get("href") or "".join(self._out[opened.begin :]))
        if opened.tag == "tg-emoji":
            return replace(entity, custom_emoji_id=_emoji_id(attributes.get("emoji-id", "")))
        if opened.tag == "tg-time":
            return _time(entity, attributes)
        return entity


def _decode(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name is not None:
        return _NAMED.get(name, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code == 0 or code >= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return ""
    return chr(code)


def _language(attributes: dict[str, str]) -> str:
    value = attributes.get("class", "")
    return value.removeprefix("language-") if value.startswith("language-") else ""


def _emoji_id(value: str) -> str:
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 2**63):
        raise EntityError("Invalid custom emoji identifier specified")
    return value


def _time(entity: Entity, attributes: dict[str, str]) -> Entity:
    unix = attributes.get("unix", "")
    if not re.fullmatch(r"-?[0-9]{1,11}", unix):
        raise EntityError("Invalid Unix time specified")
    form = attributes.get("format", "")
    if not _TIME_FORMAT.fullmatch(form):
        raise EntityError("Invalid date-time format specified")
    return replace(entity, unix_time=int(unix), date_time_format=form)


def _link(entity: Entity, url: str) -> Entity | None:
    """Return a link entity; a link Telegram cannot use is dropped without an error, as there."""
    url = url.strip()
    if re.match(r"(?i)(https?|ftp|tg|ton|tonsite|mailto|tel):", url):
        return replace(entity, url=url)
    if re.match(r"[\w-]+(\.[\w-]+)+([/:?#]|$)", url):
        return replace(entity, url=f"http://{url}")
    return None


def normalise(formatted: FormattedText) -> FormattedText:
    """Trim, drop what cannot nest, detect commands and links, and keep the first 100 entities.

    More than 100 entities are ignored without an error (Telegram's documented behaviour).
    """
    trimmed = _trim(formatted)
    explicit = _nestable(sorted(trimmed.entities, key=_order))
    found = [
        entity
        for entity in _detect(trimmed.text)
        if not any(_clashes(entity, other) for other in explicit)
    ]
    entities = sorted([*explicit, *found], key=_order)
    return FormattedText(text=trimmed.text, entities=tuple(entities[:MAX_ENTITIES]))


def _order(entity: Entity) -> tuple[int, int, str]:
    return entity.offset, -entity.length, entity.type


def _trim(formatted: FormattedText) -> FormattedText:
    text = formatted.text.rstrip()
    first = min((entity.offset for entity in formatted.entities), default=len(text))
    lead = min(len(text) - len(text.lstrip()), first)
    text = text[lead:]
    size = utf16_length(text)
    entities = (
        replace(
            entity,
            offset=entity.offset - lead,
            length=min(entity.length, size - entity.offset + lead),
        )
        for entity in formatted.entities
    )
    return FormattedText(text=text, entities=tuple(item for item in entities if item.length > 0))


def _nestable(entities: Sequence[Entity]) -> list[Entity]:
    """Drop entities inside `pre` and `code`, and quotes inside quotes, as Telegram does."""
    kept: list[Entity] = []
    for entity in entities:
        around = [other for other in kept if other.offset <= entity.offset < other.end]
        if any(other.type in _FIXED_WIDTH for other in around):
            continue
        if "blockquote" in entity.type and any("blockquote" in other.type for other in around):
            continue
        kept.append(entity)
    return kept


def _clashes(found: Entity, explicit: Entity) -> bool:
    if explicit.type not in _FIXED_WIDTH and explicit.type not in ("text_link", "date_time"):
        return False
    return found.offset < explicit.end and explicit.offset < found.end


def _detect(text: str) -> Iterator[Entity]:
    taken: list[tuple[int, int]] = []
    wide = any(ord(char) > 0xFFFF for char in text)
    for kind, pattern in _DETECTED:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other < end for other, other_end in taken):
                continue
            taken.append((start, end))
            offset = utf16_length(text[:start]) if wide else start
            yield Entity(type=kind, offset=offset, length=utf16_length(match.group()))


def explicit_entities(items: Sequence[object]) -> list[Entity]:
    """Read `MessageEntity` objects a caller sent instead of a parse mode."""
    return [_explicit(as_object(item)) for item in items]


def _explicit(item: JsonObject) -> Entity:
    return Entity(
        type=as_text(item.get("type")),
        offset=as_int(item.get("offset")),
        length=as_int(item.get("length")),
        url=as_text(item.get("url")),
        language=as_text(item.get("language")),
        custom_emoji_id=as_text(item.get("custom_emoji_id")),
        unix_time=as_int(item["unix_time"]) if "unix_time" in item else None,
        date_time_format=as_text(item.get("date_time_format")),
    )
