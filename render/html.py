"""Telegram's HTML subset: escaping, marking up, and splitting a long text without loss.

The subset and its limits: https://core.telegram.org/bots/api#html-style. Only `&`, `<` and `>`
need escaping in text; lengths are counted in UTF-16 code units.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

MESSAGE_LIMIT = 4096  # UTF-16 units of one message, after parsing
CAPTION_LIMIT = 1024  # and of a picture's caption
SPLIT_LIMIT = 3900  # of markup and text together: leaves room for "(2/3)" and a repeat mark

_ATOM = re.compile(r"<[^<>]*>|&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z]+);|.", re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_TAG_NAME = re.compile(r"</?\s*([a-zA-Z0-9-]+)")


def escape(text: object) -> str:
    """Return `str(text)` safe to stand between tags; quotes stay as they are."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bold(text: object) -> str:
    return f"<b>{escape(text)}</b>"


def italic(text: object) -> str:
    return f"<i>{escape(text)}</i>"


def code(text: object) -> str:
    return f"<code>{escape(text)}</code>"


def pre(text: object) -> str:
    """Return monospaced lines, as tables need them."""
    return f"<pre>{escape(text)}</pre>"


def utf16_length(text: str) -> int:
    """Return the length as Telegram counts it: characters beyond the first plane count twice."""
    return len(text) + sum(character > "\uffff" for character in text)


def visible_text(html: str) -> str:
    """Return what a reader sees: tags removed, the four entities of Telegram replaced."""
    text = _TAG.sub("", html)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def split_html(text: str, limit: int = SPLIT_LIMIT) -> tuple[str, ...]:
    """Split well-formed HTML into messages of at most `limit` UTF-16 units, markup included.

    Cuts at the end of a line where there is one, else at a space, else between characters;
    never inside a tag or an entity. Tags open at a cut are closed there and opened again in the
    next part, so each part parses alone. The visible texts of the parts, put together, are the
    visible text of the whole; only a part of nothing but white space is left out, since
    Telegram refuses one.

    Raises:
        ValueError: `limit` has no room for the open tags and one character.
    """
    if utf16_length(text) <= limit:
        return (text,)
    atoms = _ATOM.findall(text)
    parts: list[str] = []
    cut = _Cut(0, ())
    while cut.atom < len(atoms):
        following = _next_cut(atoms, cut, limit)
        body = "".join(atoms[cut.atom : following.atom])
        part = "".join(cut.open) + body + "".join(map(_closing_tag, reversed(following.open)))
        if visible_text(part).strip():
            parts.append(part)
        cut = following
    return tuple(parts)


class _Cut(NamedTuple):
    """Before which atom a part ends, and the opening tags that are open there, outermost first."""

    atom: int
    open: tuple[str, ...]


def _next_cut(atoms: Sequence[str], start: _Cut, limit: int) -> _Cut:
    """Return the best place to end the part that begins at `start`."""
    stack = list(start.open)
    used = sum(map(utf16_length, stack))
    reserved = sum(utf16_length(_closing_tag(tag)) for tag in stack)
    best: dict[str, _Cut] = {}
    for index in range(start.atom, len(atoms)):
        atom = atoms[index]
        before = tuple(stack)
        used += utf16_length(atom)
        if _is_tag(atom) and atom.startswith("</"):
            reserved -= utf16_length(_closing_tag(stack.pop())) if stack else 0
        elif _is_tag(atom):
            stack.append(atom)
            reserved += utf16_length(_closing_tag(atom))
        if used + reserved > limit:
            cut = best.get("\n") or best.get(" ") or _Cut(index, before)
            if cut.atom == start.atom:
                raise ValueError(f"a limit of {limit} has no room beside the open tags")
            return cut
        if atom in "\n ":
            best[atom] = _Cut(index + 1, tuple(stack))
    return _Cut(len(atoms), tuple(stack))


def _is_tag(atom: str) -> bool:
    return len(atom) > 1 and atom[0] == "<"


def _closing_tag(tag: str) -> str:
    match = _TAG_NAME.match(tag)
    return f"</{match.group(1)}>" if match else ""
