"""The text twin of a mail: every figure of the HTML, for readers without it."""

from collections.abc import Sequence

from render.mail.model import Section
from render.tables import pad, text_width


def section_lines(section: Section) -> list[str]:
    """Return the section's lines; columns are aligned in a monospaced font."""
    lines = [section.title.upper(), *_aligned(section.heads, section.rows)]
    if section.note:
        lines.append(section.note)
    return [*lines, ""]


def _aligned(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    table = [*([heads] if heads else []), *rows]
    columns = max(map(len, table), default=0)
    widths = [
        max((text_width(row[index]) for row in table if index < len(row)), default=0)
        for index in range(columns)
    ]
    return [
        "  ".join(
            pad(cell, widths[index], right=index > 0) for index, cell in enumerate(row)
        ).rstrip()
        for row in table
    ]
