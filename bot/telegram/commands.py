"""Every command there is, in the order people see them."""

from bot.telegram.handlers import control, info, money, positions, venues
from bot.telegram.registry import Argument, CommandSpec, Registry, Tier
from engine.domain.messages import Role

_RUNS = Argument(name="NAME", help="a run, or all; none means all", many=True)
_PAGE = Argument(name="PAGE", help="which page of a long list")


def build_registry() -> Registry:
    """Return the one registry."""
    return Registry((*_LOOK, *_MONEY, *_CONTROL, *_VENUE, *_DANGER, *_ABOUT))


_LOOK = (
    CommandSpec(
        name="status",
        summary="Equity, today, what runs and what waits for you",
        group="Look",
        tier=Tier.READ,
        handler=info.status,
        aliases=("s",),
    ),
    CommandSpec(
        name="positions",
        summary="Open positions with stop and target",
        group="Look",
        tier=Tier.READ,
        handler=positions.positions,
        arguments=(_PAGE,),
        aliases=("p", "pos"),
    ),
    CommandSpec(
        name="orders",
        summary="Open orders, or the last ended ones",
        group="Look",
        tier=Tier.READ,
        handler=positions.orders,
        arguments=(Argument(name="closed", help="the last ended ones instead"), _PAGE),
    ),
    CommandSpec(
        name="trades",
        summary="Closed round trips, newest first",
        group="Look",
        tier=Tier.READ,
        handler=positions.trades,
        arguments=(
            Argument(name="RUN", help="of that run only"),
            Argument(name="CURSOR", help="where a page begins; its buttons fill this in"),
            Argument(name="@PAGE", help="the page's number; its buttons fill this in"),
        ),
    ),
    CommandSpec(
        name="chart",
        summary="A picture of an instrument with fills, stop and target",
        group="Look",
        tier=Tier.READ,
        handler=money.chart,
        arguments=(
            Argument(name="SYMBOL", help="an instrument, e.g. BTC/USDT or btcusdt"),
            Argument(name="BARS", help="how many bars, 10 to 500; 120 if left out"),
        ),
    ),
)

_MONEY = (
    CommandSpec(
        name="pnl",
        summary="Profit and loss by span, run and instrument",
        group="Money",
        tier=Tier.READ,
        handler=money.pnl,
        aliases=("profit",),
        details="Totals have fees taken off; unrealised changes are included.",
    ),
    CommandSpec(
        name="balance",
        summary="What the account holds and what it is worth",
        group="Money",
        tier=Tier.READ,
        handler=money.balance,
    ),
    CommandSpec(
        name="equity",
        summary="The equity curve and its drawdown",
        group="Money",
        tier=Tier.READ,
        handler=money.equity,
    ),
    CommandSpec(
        name="report",
        summary="The day's report, every figure from the ledger",
        group="Money",
        tier=Tier.READ,
        handler=money.report,
        arguments=(Argument(name="DATE", help="today, yesterday, or a date such as 2026-11-20"),),
    ),
)

_CONTROL = (
    CommandSpec(
        name="start",
        summary="Start a run, or all; alone it only greets",
        group="Control",
        tier=Tier.TRADE,
        handler=control.start,
        arguments=(
            Argument(name="NAME", help="a run, or all; without it nothing is started", many=True),
            Argument(name="now", help="act on the standing signal, don't wait for its change"),
        ),
    ),
    CommandSpec(
        name="stop",
        summary="No entries; positions are managed to their exit, then the run stops",
        group="Control",
        tier=Tier.TIGHTEN,
        handler=control.stop,
        arguments=(_RUNS,),
    ),
    CommandSpec(
        name="pause",
        summary="No entries; exits and stops go on",
        group="Control",
        tier=Tier.TIGHTEN,
        handler=control.pause,
        arguments=(_RUNS,),
    ),
    CommandSpec(
        name="resume",
        summary="Entries again, from the next change of signal",
        group="Control",
        tier=Tier.TRADE,
        handler=control.resume,
        arguments=(_RUNS,),
    ),
    CommandSpec(
        name="manual",
        summary="Hand a run's positions to the manual book, stops included",
        group="Control",
        tier=Tier.TRADE,
        handler=control.manual,
        arguments=(Argument(name="NAME", help="a run", required=True, many=True),),
        confirmed=True,
    ),
)

_VENUE = (
    CommandSpec(
        name="venues",
        summary="The connection to the venue: latency, skew, budget, last comparison",
        group="Venue",
        tier=Tier.READ,
        handler=venues.venues,
        aliases=("venue",),
    ),
    CommandSpec(
        name="reconcile",
        summary="Compare orders, fills, balances and positions with the venue now",
        group="Venue",
        tier=Tier.TRADE,
        handler=venues.reconcile,
        details="It happens by itself at every start, after every reconnect and by the minute.",
    ),
    CommandSpec(
        name="differences",
        summary="What differs from the venue and waits for your answer",
        group="Venue",
        tier=Tier.READ,
        handler=venues.differences,
        arguments=(_PAGE,),
        aliases=("diff",),
    ),
    CommandSpec(
        name="answer",
        summary="Say what a difference is: adopt, close or ignore it",
        group="Venue",
        tier=Tier.TRADE,
        handler=venues.answer,
        arguments=(
            Argument(
                name="ID",
                help="the difference's; the buttons of /differences fill this in",
                required=True,
            ),
            Argument(name="ANSWER", help="adopt, close or ignore", required=True),
        ),
        confirmed=True,
        in_menu=False,
    ),
)

_DANGER = (
    CommandSpec(
        name="kill",
        summary="At once: no entries until /rearm; stops and positions are kept",
        group="Emergency",
        tier=Tier.TIGHTEN,
        handler=control.kill,
        arguments=(Argument(name="REASON", help="for the record", many=True),),
        details="It acts without a question and stays in force over restarts.",
    ),
    CommandSpec(
        name="close",
        summary="Close one position at market",
        group="Emergency",
        tier=Tier.TRADE,
        handler=positions.close,
        arguments=(Argument(name="SYMBOL", help="an instrument or a run; without it you choose"),),
        confirmed=True,
    ),
    CommandSpec(
        name="flatten",
        summary="Close everything we manage, at market",
        group="Emergency",
        tier=Tier.DANGER,
        handler=positions.flatten,
        arguments=(Argument(name="SYMBOL", help="only in these instruments", many=True),),
        details="What the account held before us is never touched.",
        confirmed=True,
    ),
    CommandSpec(
        name="rearm",
        summary="Allow trading again after a kill",
        group="Emergency",
        tier=Tier.DANGER,
        handler=control.rearm,
        confirmed=True,
        minimum_role=Role.RISK,
    ),
)

_ABOUT = (
    CommandSpec(
        name="strategies",
        summary="The runs with their parameters, and what else can be run",
        group="About",
        tier=Tier.READ,
        handler=info.strategies,
        aliases=("runs",),
    ),
    CommandSpec(
        name="health",
        summary="How every part is",
        group="About",
        tier=Tier.READ,
        handler=info.health,
    ),
    CommandSpec(
        name="help",
        summary="All commands, or one explained",
        group="About",
        tier=Tier.READ,
        handler=info.show_help,
        arguments=(Argument(name="COMMAND", help="the one to explain"),),
    ),
    CommandSpec(
        name="version",
        summary="Version and mode",
        group="About",
        tier=Tier.READ,
        handler=info.version,
    ),
)
