"""/status, /strategies, /health, /help, /version."""

from dataclasses import replace
from itertools import groupby

from bot.telegram.call import Call
from bot.telegram.registry import UsageError
from bot.telegram.replies import Reply, command_button, refresh_button, row, rows
from engine.domain.queries import GetHealth, GetStatus, GetStrategies, GetVenues
from engine.domain.views import HealthView, StatusView, StrategiesView, VenuesView
from render.views.info import (
    command_help_text,
    health_text,
    help_text,
    strategies_text,
    version_text,
)
from render.views.status import status_text
from render.views.venues import with_venues


async def status(call: Call) -> Reply:
    """Show equity, the day, what runs, and what waits for a person."""
    view = await call.ask(GetStatus(), StatusView)
    venues = await call.ask(GetVenues(), VenuesView)
    asked = any(venue.reconciliation.differences for venue in venues.venues)
    buttons = row(
        refresh_button(call.line),
        command_button("Positions", "/positions"),
        command_button("P&L", "/pnl"),
    )
    also = row(command_button("Differences", "/differences") if asked else None)
    return Reply(html=status_text(view, venues), buttons=rows(buttons, also))


async def strategies(call: Call) -> Reply:
    """List runs and strategies."""
    view = await call.ask(GetStrategies(), StrategiesView)
    return Reply(html=strategies_text(view), buttons=rows(row(refresh_button(call.line))))


async def health(call: Call) -> Reply:
    """Show how every part is, those outside the engine included."""
    health = await call.ask(GetHealth(), HealthView)
    view = with_venues(health, await call.ask(GetVenues(), VenuesView))
    own = tuple(call.tools.health())
    named = {part.name for part in own}
    components = (*(part for part in view.components if part.name not in named), *own)
    text = health_text(replace(view, components=components))
    return Reply(html=text, buttons=rows(row(refresh_button(call.line))))


async def version(call: Call) -> Reply:
    """Show version and mode."""
    return Reply(html=version_text(await call.ask(GetHealth(), HealthView)))


async def show_help(call: Call) -> Reply:
    """List the commands that the operator may use, or explain one."""
    registry = call.tools.registry
    if call.words:
        name = call.words[0].lstrip("/").lower()
        spec = registry.find(name)
        if spec is None:
            near = registry.nearest(name)
            hint = f" Did you mean /{near.name}?" if near else ""
            raise UsageError(f"There is no command /{name}.{hint} /help lists all.")
        arguments = [(argument.name, argument.help) for argument in spec.arguments]
        return Reply(html=command_help_text(spec.usage, spec.summary, arguments, spec.details))
    groups = [
        (name, [(spec.usage, spec.summary) for spec in specs])
        for name, specs in groupby(registry.menu(call.operator.role), key=lambda spec: spec.group)
    ]
    return Reply(html=help_text(groups, call.operator.role.value))
