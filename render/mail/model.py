"""A mail's content before any MIME: one text twin and one HTML, made from the same sections."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.domain.accounts import TradingMode
from render.format import mode_label

_SUBJECT_LIMIT = 180  # characters; longer ones are cut by readers anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """What goes into a mail.

    Attributes:
        html: Refers to pictures by `cid:` names that `pictures` lists.
        files: Attachments as (file name, CSV text).
    """

    subject: str
    text: str
    html: str
    pictures: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table of a mail, plain text.

    Attributes:
        heads: Column headings; empty for pairs of a name and a value.
        rows: Cells; the first is a name and lies left, the others lie right.
        total_row: The last row is a sum.
        picture: `cid` of a picture under the table, "" for none, and `alt` its words.
        in_html: How many rows the HTML shows; the text twin has all of them.
        note: Said below the table.
    """

    title: str
    rows: Sequence[Sequence[str]]
    heads: Sequence[str] = ()
    total_row: bool = False
    picture: str = ""
    alt: str = ""
    in_html: int = 40
    note: str = ""


def subject_line(mode: TradingMode, account: str, words: str) -> str:
    """Return a subject that begins with the mode: "[LIVE main] ..."."""
    text = f"[{mode_label(mode)} {account}] {words}"
    return text if len(text) <= _SUBJECT_LIMIT else text[: _SUBJECT_LIMIT - 1] + "…"
