"""What /healthz and /metrics say, as pure functions of views.

Metrics in Prometheus' text format, version 0.0.4:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.money import to_text
from engine.domain.runs import RunState
from engine.domain.views import ComponentState, HealthView, StatusView
from render.views.info import overall

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


def is_serving(view: HealthView) -> bool:
    """Tell whether trading works: a chat or mail that is down does not count, the engine does."""
    return all(
        part.state is not ComponentState.DOWN for part in view.components if part.name == "engine"
    )


def health_document(view: HealthView, facts: Mapping[str, str]) -> dict[str, object]:
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
        **facts,
    }


def metrics_text(health: HealthView, status: StatusView) -> str:
    """Return every metric; a figure that is not known is left out, never zero."""
    asset = str(status.header.reporting)
    lines = [
        *_metric("outcry_up", "gauge", "The engine answers.", [({}, Decimal(1))]),
        *_metric(
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
        *_number("outcry_uptime_seconds", "Since the start.", health.uptime.total_seconds()),
        *_amount("outcry_equity", "Equity in the reporting asset.", status.equity, asset),
        *_amount("outcry_day_pnl", "P&L of the trading day.", status.day_pnl, asset),
        *_metric(
            "outcry_drawdown_fraction",
            "gauge",
            "Below the flow-adjusted peak, 0 or negative.",
            [({}, status.drawdown)],
        ),
        *_number("outcry_open_positions", "Open positions.", status.open_positions),
        *_number("outcry_open_orders", "Open orders.", status.open_orders),
        *_metric(
            "outcry_trading_state",
            "gauge",
            "The present trading state has the value 1.",
            [({"state": status.header.trading_state.value}, Decimal(1))],
        ),
        *_runs(status),
        *_number("outcry_deliveries_pending", "Alerts that wait.", health.pending_deliveries),
        *_number("outcry_deliveries_dead", "Alerts given up.", health.dead_deliveries),
        *_metric(
            "outcry_unprotected_seconds_total",
            "counter",
            "Market seconds that positions were without the stop they asked for.",
            [({}, health.unprotected_seconds)],
        ),
        *_metric(
            "outcry_component_up",
            "gauge",
            "1 is well, 0.5 degraded, 0 down.",
            [({"component": part.name}, _LEVELS[part.state]) for part in health.components],
        ),
    ]
    if health.last_bar_at is not None:
        seconds = health.last_bar_at.timestamp()
        lines += _number("outcry_last_bar_timestamp_seconds", "Start of the newest bar.", seconds)
    return "\n".join(lines) + "\n"


def silence_text() -> str:
    """Return the metrics of an engine that does not answer."""
    return (
        "\n".join(_metric("outcry_up", "gauge", "The engine answers.", [({}, Decimal(0))])) + "\n"
    )


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
        *_metric("outcry_run_state", "gauge", "1 for the state a run is in.", states),
        *_metric(
            "outcry_run_trades_total",
            "counter",
            "Closed round trips.",
            [({"run": run.name}, Decimal(run.trades)) for run in status.runs],
        ),
        *_metric(
            "outcry_run_equity",
            "gauge",
            "Capital of a run and what it made, in the reporting asset.",
            [({"run": run.name}, run.equity) for run in status.runs],
        ),
    ]


def _number(name: str, about: str, value: float) -> list[str]:
    return _metric(name, "gauge", about, [({}, Decimal(repr(value)))])


def _amount(name: str, about: str, value: Decimal | None, asset: str) -> list[str]:
    return _metric(name, "gauge", about, [({"asset": asset}, value)])


def _metric(
    name: str, kind: str, about: str, samples: Iterable[tuple[Labels, Decimal | None]]
) -> list[str]:
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return []
    head = [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
    return head + [f"{name}{_labels(labels)} {to_text(value)}" for labels, value in known]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
