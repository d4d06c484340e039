"""Monospaced tables for a phone: at most 34 columns, digits never cut."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from render.html import pre

PHONE_WIDTH = 34  # what a phone's chat shows of a monospaced line without wrapping
ELLIPSIS = "…"
_SHRINK_TO = 4  # a name cut below this says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading and how its cells lie.

    Attributes:
        right: Numbers lie to the right.
        shrink: A name: may be cut with an ellipsis where the row is too wide. Numbers never.
    """

    title: str
    right: bool = False
    shrink: bool = False


def text_width(text: str) -> int:
    """Return the cells that `text` takes in a monospaced font.

    East Asian wide characters and emoji take two, combining marks and joiners none.
    """
    return sum(_cell_width(character) for character in text)


def fit(text: str, width: int) -> str:
    """Return `text` cut to `width` cells, the cut marked by an ellipsis."""
    if text_width(text) <= width:
        return text
    kept, used = "", 0
    for character in text:
        cells = _cell_width(character)
        if used + cells > width - 1:
            break
        kept += character
        used += cells
    return kept + ELLIPSIS if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` filled with spaces to `width` cells."""
    space = " " * max(width - text_width(text), 0)
    return space + text if right else text + space


def table(
    rows: Sequence[Sequence[str]], columns: Sequence[Column], width: int = PHONE_WIDTH
) -> str:
    """Return `<pre>` HTML of a heading and rows, no line wider than `width` cells.

    Cells are plain text. Where the numbers of a row leave its names fewer than four cells,
    each row becomes a card: the first cell, then "heading value" lines. A digit is never cut;
    a number wider than `width` by itself goes on in the next line.
    """
    return pre("\n".join(table_lines(rows, columns, width)))


def table_lines(
    rows: Sequence[Sequence[str]], columns: Sequence[Column], width: int = PHONE_WIDTH
) -> list[str]:
    """Return the lines of `table` without markup or escaping."""
    titles = [column.title for column in columns]
    cells = [titles, *rows] if any(titles) else list(rows)
    widths = [
        max((text_width(row[index]) for row in cells), default=0) for index in range(len(columns))
    ]
    excess = sum(widths) + len(columns) - 1 - width
    for index, column in sorted(enumerate(columns), key=lambda pair: widths[pair[0]], reverse=True):
        if excess > 0 and column.shrink:
            given = min(excess, max(widths[index] - _SHRINK_TO, 0))
            widths[index] -= given
            excess -= given
    if excess > 0:
        return _cards(rows, columns, width)
    return [_line(row, columns, widths) for row in cells]


def pairs(rows: Sequence[tuple[str, str]], width: int = PHONE_WIDTH) -> str:
    """Return `<pre>` HTML of "label ... value" lines, values lying right."""
    return pre("\n".join(pair_lines(rows, width)))


def pair_lines(rows: Sequence[tuple[str, str]], width: int = PHONE_WIDTH) -> list[str]:
    """Return lines of a label and a value, all as wide as the widest needs."""
    lines: list[str] = []
    values = max((text_width(value) for _, value in rows), default=0)
    labels = max((text_width(label) for label, _ in rows), default=0)
    span = min(width, labels + 2 + values)
    for label, value in rows:
        room = span - text_width(value) - 1
        if room >= min(text_width(label), _SHRINK_TO):
            lines.append(pad(fit(label, room), room) + " " + value)
        else:
            lines.append(fit(label, width))
            lines.extend(pad(piece, width, right=True) for piece in wrap(value, width))
    return lines


def wrap(text: str, width: int = PHONE_WIDTH) -> list[str]:
    """Return `text` in lines of at most `width` cells, broken at spaces where there are any."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            candidate = f"{line} {word}" if line else word
            if text_width(candidate) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            *full, line = _chop(word, width)
            lines.extend(full)
        lines.append(line)
    return lines


def _line(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    cells = [
        pad(fit(cell, width) if column.shrink else cell, width, right=column.right)
        for cell, column, width in zip(row, columns, widths, strict=True)
    ]
    return " ".join(cells).rstrip()


def _cards(rows: Sequence[Sequence[str]], columns: Sequence[Column], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        lines.append(fit(row[0], width))
        rest = [
            (f" {column.title}", cell)
            for column, cell in zip(columns[1:], row[1:], strict=True)
            if cell
        ]
        lines.extend(pair_lines(rest, width))
    return lines


def _chop(word: str, width: int) -> list[str]:
    pieces, piece = [], ""
    for character in word:
        if text_width(piece + character) > width:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


def _cell_width(character: str) -> int:
    if character in "\u200b\u200d\ufe0e\ufe0f" or unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
