"""/strategies, /health, /version, and the help texts."""

from collections.abc import Sequence

from engine.domain.views import (
    ComponentHealth,
    ComponentState,
    HealthView,
    ParamView,
    RunView,
    StrategiesView,
    StrategyView,
)
from render.format import count, duration, headline, instant, money, number
from render.html import bold, code, escape
from render.tables import pairs
from render.views.parts import STATE_WORDS, answer, bullets, run_total

_COMPONENT_WORDS = {
    ComponentState.OK: "ok",
    ComponentState.DEGRADED: "degraded",
    ComponentState.DOWN: "DOWN",
}


def strategies_text(view: StrategiesView) -> str:
    """Return the runs with their parameters, and the strategies that can be run."""
    runs = [_run(run, view) for run in view.runs] or ["No run is configured."]
    return answer(
        view.header,
        "Runs",
        "\n".join(runs),
        bold("Strategies"),
        "\n".join(_strategy(strategy) for strategy in view.strategies) or "None found.",
    )


def health_text(view: HealthView) -> str:
    """Return how every part is, and how long positions were without their stop."""
    zone = view.header.time_zone
    return answer(
        view.header,
        f"Health: {overall(view.components)}",
        pairs(
            [
                ("Up", duration(view.uptime)),
                ("Last bar", instant(view.last_bar_at, zone) if view.last_bar_at else "none yet"),
                ("Unprotected", f"{number(view.unprotected_seconds, 1)} s"),
                ("Alerts waiting", str(view.pending_deliveries)),
                ("Alerts given up", str(view.dead_deliveries)),
            ]
        ),
        pairs([(part.name, _COMPONENT_WORDS[part.state]) for part in view.components])
        if view.components
        else "",
        bullets("Details", [f"{part.name}: {part.detail}" for part in _to_explain(view)]),
        f"Version {escape(view.version)}",
    )


def version_text(view: HealthView) -> str:
    return f"{headline(view.header)}\nOutcry {escape(view.version)}, up {duration(view.uptime)}."


def overall(components: Sequence[ComponentHealth]) -> str:
    """Return the worst state of all components."""
    worst = max(
        (part.state for part in components),
        key=list(ComponentState).index,
        default=ComponentState.OK,
    )
    return _COMPONENT_WORDS[worst]


def help_text(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], role: str) -> str:
    """Return the commands by group: (usage, what it does)."""
    blocks = [
        "\n".join([bold(name), *(f"{escape(usage)}: {escape(summary)}" for usage, summary in rows)])
        for name, rows in groups
    ]
    about = f"Your role: {escape(role)}. /help COMMAND tells more."
    return "\n\n".join([*blocks, about])


def command_help_text(
    usage: str, summary: str, arguments: Sequence[tuple[str, str]], details: str
) -> str:
    """Return all there is to know about one command."""
    parts = [bold(usage), f"{escape(summary)}."]
    parts.extend(f"{code(name)}: {escape(meaning)}" for name, meaning in arguments)
    if details:
        parts.append(escape(details))
    return "\n".join(parts)


def _run(run: RunView, view: StrategiesView) -> str:
    asset = view.header.reporting
    symbols = ", ".join(str(symbol) for symbol in run.instrument_ids)
    values = ", ".join(f"{name}={value}" for name, value in run.params)
    facts = [
        f"{STATE_WORDS[run.state]}, {count(run.open_positions, 'position')}, "
        f"{count(run.trades, 'trade')}",
        f"{run.strategy}({values}) on {symbols}, {run.timeframe}",
        f"capital {money(run.capital, asset)}, P&L {money(run_total(run), asset, sign=True)}",
    ]
    if run.paused_reason:
        facts.append(f"paused: {run.paused_reason}")
    return "\n".join([bold(run.name), *(f"  {escape(fact)}" for fact in facts)])


def _strategy(strategy: StrategyView) -> str:
    if strategy.error:
        return f"⚠ {code(strategy.name)} can't be loaded: {escape(strategy.error)}"
    values = "; ".join(_param(param) for param in strategy.params)
    settings = f"\n  {escape(values)}" if values else ""
    return (
        f"{code(strategy.name)} ({escape(strategy.source)}): {escape(strategy.summary)}{settings}"
    )


def _param(param: ParamView) -> str:
    bounds = ""
    if param.minimum is not None and param.maximum is not None:
        bounds = f", {param.minimum} to {param.maximum}"
    return f"{param.name}={param.default}{bounds}"


def _to_explain(view: HealthView) -> list[ComponentHealth]:
    return [part for part in view.components if part.detail]
