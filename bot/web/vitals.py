"""What /healthz and /metrics say, as pure functions of views."""

from collections.abc import Mapping
from decimal import Decimal

from bot.web.exposition import amount, metric, number
from bot.web.venues import venue_document, venue_metrics
from engine.domain.money import to_text
from engine.domain.runs import RunState
from engine.domain.views import ComponentState, HealthView, StatusView, VenuesView
from render.views.info import overall


def is_serving(view: HealthView) -> bool:
    """Tell whether trading works: a chat or mail that is down does not count, the engine does."""
    return all(
        part.state is not ComponentState.DOWN for part in view.components if part.name == "engine"
    )


def health_document(
    view: HealthView, venues: VenuesView, facts: Mapping[str, str]
) -> dict[str, object]:
    """Return the JSON document of /healthz; times are ISO 8601 UTC."""
    worst = overall(view.components).lower()
    return {
        "status": "down" if not is_serving(view) else "ok" if worst == "ok" else "degraded",
        "mode": view.header.mode.value,
        "account": view.header.account_id,
        "trading_state": view.header.trading_state.value,
        "market_time": view.header.as_of.isoformat(),
        "version": view.version,
        "uptime_seconds": round(view.uptime.total_seconds(), 3),
        "last_bar_at": view.last_bar_at.isoformat() if view.last_bar_at else None,
        "unprotected_seconds": to_text(view.unprotected_seconds),
        "deliveries": {"pending": view.pending_deliveries, "dead": view.dead_deliveries},
        "components": {
            part.name: {"state": part.state.value, "detail": part.detail}
            for part in view.components
        },
        "venues": [venue_document(venue) for venue in venues.venues],
        **facts,
    }


def metrics_text(health: HealthView, status: StatusView, venues: VenuesView) -> str:
    """Return every metric; a figure that is not known is left out, never zero."""
    asset = str(status.header.reporting)
    lines = [
        *metric("outcry_up", "gauge", "The engine answers.", [({}, Decimal(1))]),
        *metric(
            "outcry_info",
            "gauge",
            "Version, mode and account.",
            [
                (
                    {
                        "version": health.version,
                        "mode": health.header.mode.value,
                        "account": str(health.header.account_id),
                    },
                    Decimal(1),
                )
            ],
        ),
        *number("outcry_uptime_seconds", "Since the start.", health.uptime.total_seconds()),
        *amount("outcry_equity", "Equity in the reporting asset.", status.equity, asset),
        *amount("outcry_day_pnl", "P&L of the trading day.", status.day_pnl, asset),
        *metric(
            "outcry_drawdown_fraction",
            "gauge",
            "Below the flow-adjusted peak, 0 or negative.",
            [({}, status.drawdown)],
        ),
        *number("outcry_open_positions", "Open positions.", status.open_positions),
        *number("outcry_open_orders", "Open orders.", status.open_orders),
        *metric(
            "outcry_trading_state",
            "gauge",
            "The present trading state has the value 1.",
            [({"state": status.header.trading_state.value}, Decimal(1))],
        ),
        *_runs(status),
        *number("outcry_deliveries_pending", "Alerts that wait.", health.pending_deliveries),
        *number("outcry_deliveries_dead", "Alerts given up.", health.dead_deliveries),
        *metric(
            "outcry_unprotected_seconds_total",
            "counter",
            "Market seconds that positions were without the stop they asked for.",
            [({}, health.unprotected_seconds)],
        ),
        *metric(
            "outcry_component_up",
            "gauge",
            "1 is well, 0.5 degraded, 0 down.",
            [({"component": part.name}, _LEVELS[part.state]) for part in health.components],
        ),
        *venue_metrics(venues),
    ]
    if health.last_bar_at is not None:
        seconds = health.last_bar_at.timestamp()
        lines += number("outcry_last_bar_timestamp_seconds", "Start of the newest bar.", seconds)
    return "\n".join(lines) + "\n"


def silence_text() -> str:
    """Return the metrics of an engine that does not answer."""
    return "\n".join(metric("outcry_up", "gauge", "The engine answers.", [({}, Decimal(0))])) + "\n"


_LEVELS = {
    ComponentState.OK: Decimal(1),
    ComponentState.DEGRADED: Decimal("0.5"),
    ComponentState.DOWN: Decimal(0),
}


def _runs(status: StatusView) -> list[str]:
    states = [
        ({"run": run.name, "state": state.value}, Decimal(run.state is state))
        for run in status.runs
        for state in RunState
    ]
    return [
        *metric("outcry_run_state", "gauge", "1 for the state a run is in.", states),
        *metric(
            "outcry_run_trades_total",
            "counter",
            "Closed round trips.",
            [({"run": run.name}, Decimal(run.trades)) for run in status.runs],
        ),
        *metric(
            "outcry_run_equity",
            "gauge",
            "Capital of a run and what it made, in the reporting asset.",
            [({"run": run.name}, run.equity) for run in status.runs],
        ),
    ]
