"""/venues, and what /status and /health say of the connection. Ages are wall time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from engine.domain.accounts import TradingMode
from engine.domain.views import (
    ComponentHealth,
    ComponentState,
    HealthView,
    ReconciliationView,
    VenuesView,
    VenueView,
)
from render.format import count, duration, took
from render.html import bold, escape
from render.tables import pairs
from render.views.parts import answer, bullets

NOT_KNOWN = "not known"
_BAR_CELLS = 10


def venues_text(view: VenuesView, now: datetime) -> str:
    """Return how the connection to each venue is, and how the last comparison went.

    Args:
        now: Wall time UTC, for ages.
    """
    recorded = _is_recorded(view)
    blocks = [_venue(venue, now, recorded=recorded) for venue in view.venues]
    return answer(view.header, "Venues", *(blocks or ["No venue is configured."]))


def venue_line(view: VenuesView) -> str:
    """Return one line on the connection and the open differences; nothing for a calm replay."""
    lines: list[str] = []
    for venue in view.venues:
        waiting = len(venue.reconciliation.differences)
        if not venue.connected:
            lines.append(f"⚠ {escape(venue.name)}: not connected. /venues tells more.")
        elif not _is_recorded(view) and not waiting:
            lines.append(f"{escape(venue.name)}: connected; {escape(_agreement(venue))}.")
        if waiting:
            lines.append(f"⚠ {_asked(waiting)} you: /differences.")
    return "\n".join(lines)


def with_venues(health: HealthView, venues: VenuesView) -> HealthView:
    """Return the health with one component for each venue."""
    found = tuple(_component(venue, recorded=_is_recorded(venues)) for venue in venues.venues)
    return replace(health, components=(*health.components, *found))


def compared_text(view: ReconciliationView, now: datetime) -> str:
    """Return when the last comparison was and what came of it, as one plain sentence."""
    if view.at is None:
        return "Not compared with the venue yet."
    when, span = _ago(view.at, now), took(view.seconds)
    return f"Last compared {when}, took {span}: {view.result}."


def _venue(venue: VenueView, now: datetime, *, recorded: bool) -> str:
    state = "recorded market" if recorded else "connected" if venue.connected else "NOT CONNECTED"
    title = (
        f"{bold(venue.name)}: {state}"
        if recorded or venue.connected
        else f"⚠ {bold(venue.name)}: {state}"
    )
    down = (
        ""
        if venue.connected
        else (
            "Strategies don't decide while its data is missing. Stops that rest there work on. "
            "It is connected again by itself."
        )
    )
    wire = [] if recorded else _wire(venue)
    return "\n".join(
        part
        for part in (
            title,
            "Prices are recorded: nothing goes over a network, so nothing of it is measured."
            * recorded,
            down,
            pairs([*wire, *_books(venue)]),
            bullets("Not asked for now", venue.open_breakers),
            bullets("Looked at again soon", venue.reconciliation.looking_again),
            bullets("Booked as its rounding so far", venue.reconciliation.rounded),
            escape(compared_text(venue.reconciliation, now)),
            f"Mind: {escape(venue.note)}" if venue.note else "",
        )
        if part
    )


def _wire(venue: VenueView) -> list[tuple[str, str]]:
    age = venue.last_message_age
    return [
        ("Last message", NOT_KNOWN if age is None else f"{_age(age)} ago"),
        ("Latency", NOT_KNOWN if venue.latency_ms is None else _milliseconds(venue.latency_ms)),
        ("Clock skew", NOT_KNOWN if venue.clock_skew_ms is None else _skew(venue.clock_skew_ms)),
        ("Budget", bar(venue.budget_used)),
    ]


def _books(venue: VenueView) -> list[tuple[str, str]]:
    return [
        ("Differences", _number(len(venue.reconciliation.differences))),
        ("Orders in doubt", _number(venue.in_doubt)),
    ]


def bar(used: float) -> str:
    """Return a part, 0 to 1, as ten cells and a percentage: "███░░░░░░░ 32%"."""
    part = min(max(used, 0.0), 1.0)
    full = round(part * _BAR_CELLS)
    return f"{'█' * full}{'░' * (_BAR_CELLS - full)} {round(part * 100)}%"


def _component(venue: VenueView, *, recorded: bool) -> ComponentHealth:
    waiting = len(venue.reconciliation.differences)
    troubles = [
        "not connected" * (not venue.connected),
        f"{_asked(waiting)} an answer, see /differences" * bool(waiting),
        f"{count(venue.in_doubt, 'order')} in doubt" * bool(venue.in_doubt),
        _not_asked(venue.open_breakers),
    ]
    state = ComponentState.OK
    if not venue.connected:
        state = ComponentState.DOWN
    elif any(troubles):
        state = ComponentState.DEGRADED
    calm = "recorded market" if recorded else f"connected; {_agreement(venue)}"
    detail = "; ".join(trouble for trouble in troubles if trouble) or calm
    return ComponentHealth(name=f"venue {venue.name}", state=state, detail=detail)


def _not_asked(breakers: Sequence[str]) -> str:
    """Return what is not asked for, without why: "not asked for now: cancels, balances"."""
    if not breakers:
        return ""
    names = ", ".join(line.partition(":")[0] for line in breakers)
    return f"not asked for now: {names}, see /venues"


def _asked(waiting: int) -> str:
    return f"{count(waiting, 'difference')} {'waits' if waiting == 1 else 'wait'} for"


def _agreement(venue: VenueView) -> str:
    return "not compared yet" if venue.reconciliation.at is None else venue.reconciliation.result


def _is_recorded(view: VenuesView) -> bool:
    return view.header.mode is TradingMode.REPLAY


def _number(many: int) -> str:
    return str(many) if many else "none"


def _ago(when: datetime, now: datetime) -> str:
    return f"{_age(max(now - when, timedelta(0)))} ago"


def _age(span: timedelta) -> str:
    return "less than 1 s" if span < timedelta(seconds=1) else duration(span)


def _milliseconds(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


def _skew(milliseconds: int) -> str:
    return f"{milliseconds:+d} ms" if milliseconds else "0 ms"
