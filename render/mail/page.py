"""The HTML of a mail: tables and inline styles, as mail programs need them, at most 600 px wide.

The style element holds only what can't stand inline: dark colours and the narrow screen. Readers
that drop it show the light page. https://www.caniemail.com/features/css-at-media-prefers-color-scheme/
"""

from collections.abc import Iterable, Mapping, Sequence

from render.html import escape
from render.mail.model import Section

_FONT = "font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif"

_DARK = {
    "o-bg": "background:#0b1016",
    "o-card": "background:#10161d;border-color:#26303b",
    "o-ink": "color:#e6edf3",
    "o-dim": "color:#93a1af",
    "o-line": "border-color:#26303b",
    "o-bad": "background:#4a1d12;color:#ffd9cc",
    "o-good": "background:#0f2f2a;color:#bdf0e0",
    "o-up": "color:#7cc7f2",
    "o-down": "color:#ffb454",
}
_NARROW = {
    "o-pad": "padding-left:14px;padding-right:14px",
    "o-cell": "font-size:12px;padding-left:3px;padding-right:3px",
    "o-big": "font-size:28px",
}


def _rules(rules: Mapping[str, str]) -> str:
    """Return CSS rules that win over what stands inline."""
    return "".join(
        f".{name}{{{style.replace(';', ' !important;')} !important}}"
        for name, style in rules.items()
    )


_STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    f"@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
    f"@media (max-width:480px){{{_rules(_NARROW)}}}"
)

_BANNERS = {
    "bad": ("o-bad", "#fde3da", "#7a1f0a"),
    "good": ("o-good", "#dff5ee", "#0b4f3f"),
}


def page(title: str, body: Iterable[str], footer: str) -> str:
    """Return a whole document; `body` holds table rows made by the functions below."""
    rows = "".join(body)
    last = _row(
        _paragraph(footer, "o-dim", "font-size:12px;color:#5b6b7a"), "padding:16px 24px 22px"
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body class="o-bg" style="margin:0;padding:0;background:#eef1f4;{_FONT}">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="o-bg" '
        'style="background:#eef1f4"><tr><td align="center" style="padding:16px 8px">'
        '<table role="presentation" width="600" cellpadding="0" cellspacing="0" class="o-card" '
        'style="width:100%;max-width:600px;background:#ffffff;border:1px solid #dde3e9;'
        f'border-radius:12px">{rows}{last}'
        "</table></td></tr></table></body></html>"
    )


def heading(kicker: str, headline: str, below: str, *, sign: int = 0) -> str:
    """Return the top of a mail: mode and account, the large line, one more line.

    `sign` colours the large line; its text has the sign as well.
    """
    color, name = {0: ("#10161d", "o-ink"), 1: ("#0b6aa8", "o-up"), -1: ("#b35900", "o-down")}[sign]
    return _row(
        _paragraph(kicker, "o-dim", "font-size:13px;letter-spacing:.04em;color:#5b6b7a")
        + f'<div class="{name} o-big" style="font-size:32px;line-height:1.2;font-weight:700;'
        f'padding:6px 0 2px;color:{color};overflow-wrap:anywhere">{_text(headline)}</div>'
        + _paragraph(below, "o-dim", "font-size:15px;color:#5b6b7a"),
        "padding:22px 24px 8px",
    )


def banner(text: str, kind: str) -> str:
    """Return a coloured box: "bad" shouts, "good" reassures."""
    name, ground, ink = _BANNERS[kind]
    weight = "700" if kind == "bad" else "400"
    return _row(
        f'<div class="{name}" style="background:{ground};color:{ink};border-radius:8px;'
        f"padding:10px 14px;font-size:15px;font-weight:{weight};line-height:1.4;"
        f'overflow-wrap:anywhere">{_text(text)}</div>',
        "padding:8px 24px",
    )


def paragraph(text: str) -> str:
    """Return plain text, its line breaks kept."""
    return _row(
        _paragraph(text, "o-ink", "font-size:15px;line-height:1.5;color:#10161d"),
        "padding:6px 24px",
    )


def section(part: Section, *, with_picture: bool) -> str:
    """Return a titled table and, where it was drawn, its picture."""
    shown = part.rows[: part.in_html]
    left_out = len(part.rows) - len(shown)
    pieces = [
        f'<div class="o-ink" style="font-size:17px;font-weight:700;color:#10161d;'
        f'padding-bottom:6px">{_text(part.title)}</div>'
    ]
    if shown:
        pieces.append(_table(part.heads, shown, total_row=part.total_row and not left_out))
    note = f"{left_out} more in the text of this mail and its files. " if left_out else ""
    if note or part.note:
        style = "font-size:13px;color:#5b6b7a;padding-top:6px"
        pieces.append(_paragraph(f"{note}{part.note}".strip(), "o-dim", style))
    if part.picture and with_picture:
        pieces.append(
            f'<img src="cid:{part.picture}" width="552" alt="{_attribute(part.alt)}" '
            'style="display:block;width:100%;max-width:552px;height:auto;border-radius:8px;'
            'margin-top:12px">'
        )
    return _row("".join(pieces), "padding:16px 24px 4px")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, total_row: bool) -> str:
    lines = []
    if heads:
        cells = "".join(_cell(head, index, head=True) for index, head in enumerate(heads))
        lines.append(f"<tr>{cells}</tr>")
    for number, row in enumerate(rows):
        strong = total_row and number == len(rows) - 1
        cells = "".join(_cell(text, index, strong=strong) for index, text in enumerate(row))
        lines.append(f"<tr>{cells}</tr>")
    return (
        '<table width="100%" cellpadding="0" cellspacing="0" '
        f'style="border-collapse:collapse">{"".join(lines)}</table>'
    )


def _cell(text: str, index: int, *, head: bool = False, strong: bool = False) -> str:
    tag = "th" if head else "td"
    side = "left" if index == 0 else "right"
    size = "12px;color:#5b6b7a" if head else "14px;color:#10161d"
    weight = "700" if strong else "400"
    # a name may break anywhere, a figure nowhere
    wrap = "overflow-wrap:anywhere" if index == 0 else "white-space:nowrap"
    name = "o-dim" if head else "o-ink"
    return (
        f'<{tag} class="o-cell o-line {name}" align="{side}" '
        f'style="padding:6px 5px;font-size:{size};'
        f"font-weight:{weight};border-bottom:1px solid #e6ebf0;font-variant-numeric:tabular-nums;"
        f'{wrap}">{_text(text)}</{tag}>'
    )


def _paragraph(text: str, name: str, style: str) -> str:
    return f'<div class="{name}" style="{style};overflow-wrap:anywhere">{_text(text)}</div>'


def _row(inner: str, style: str) -> str:
    return f'<tr><td class="o-pad" style="{style}">{inner}</td></tr>'


def _text(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _attribute(text: str) -> str:
    return escape(text).replace('"', "&quot;")
