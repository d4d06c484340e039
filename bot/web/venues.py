"""What /healthz and /metrics say of the venues."""

from collections.abc import Callable
from decimal import Decimal

from bot.web.exposition import metric
from engine.domain.money import to_text
from engine.domain.views import DifferenceView, VenuesView, VenueView


def venue_document(venue: VenueView) -> dict[str, object]:
    """Return a venue as JSON; a figure that is not known is null, times are ISO 8601 UTC."""
    compared = venue.reconciliation
    return {
        "name": venue.name,
        "connected": venue.connected,
        "last_message_age_seconds": _age_seconds(venue),
        "latency_ms": venue.latency_ms,
        "clock_skew_ms": venue.clock_skew_ms,
        "budget_used": round(venue.budget_used, 4),
        "open_breakers": list(venue.open_breakers),
        "orders_in_doubt": venue.in_doubt,
        "note": venue.note,
        "reconciliation": {
            "at": compared.at.isoformat() if compared.at else None,
            "seconds": round(compared.seconds, 3),
            "result": compared.result,
            "differences": [_difference(found) for found in compared.differences],
        },
    }


def venue_metrics(view: VenuesView) -> list[str]:
    """Return the metrics of every venue; what is not known is left out."""
    return [
        line
        for name, about, figure in _FIGURES
        for line in metric(
            name, "gauge", about, [({"venue": venue.name}, figure(venue)) for venue in view.venues]
        )
    ]


def _difference(found: DifferenceView) -> dict[str, object]:
    return {
        "id": found.difference_id,
        "kind": found.kind.value,
        "subject": found.subject,
        "ours": to_text(found.ours),
        "venue": to_text(found.venue),
        "unit": found.unit,
        "summary": found.summary,
    }


def _age_seconds(venue: VenueView) -> float | None:
    age = venue.last_message_age
    return None if age is None else round(age.total_seconds(), 3)


def _figure(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))


_FIGURES: tuple[tuple[str, str, Callable[[VenueView], Decimal | None]], ...] = (
    ("outcry_venue_connected", "1 while it is.", lambda venue: Decimal(venue.connected)),
    (
        "outcry_venue_last_message_age_seconds",
        "Since the newest frame or answer.",
        lambda venue: _figure(_age_seconds(venue)),
    ),
    (
        "outcry_venue_latency_milliseconds",
        "Of the last requests, smoothed.",
        lambda venue: _figure(venue.latency_ms),
    ),
    (
        "outcry_venue_clock_skew_milliseconds",
        "The venue's clock less ours.",
        lambda venue: _figure(venue.clock_skew_ms),
    ),
    (
        "outcry_venue_budget_used_fraction",
        "Of the tightest rate budget.",
        lambda venue: _figure(venue.budget_used),
    ),
    (
        "outcry_venue_open_breakers",
        "Endpoints that are not asked for now.",
        lambda venue: Decimal(len(venue.open_breakers)),
    ),
    (
        "outcry_venue_orders_in_doubt",
        "Orders whose outcome is not known.",
        lambda venue: Decimal(venue.in_doubt),
    ),
    (
        "outcry_venue_open_differences",
        "Differences that wait for an answer.",
        lambda venue: Decimal(len(venue.reconciliation.differences)),
    ),
)
