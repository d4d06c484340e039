"""/start, /stop, /pause, /resume, /kill, /rearm, /manual: the verbs of SEMANTICS 3 on runs."""

from collections.abc import Sequence

from bot.telegram.call import Call
from bot.telegram.registry import UsageError
from bot.telegram.replies import Button, Emphasis, Reply, command_button, grid, row, rows
from bot.telegram.tickets import Subject
from engine.domain.accounts import TradingState
from engine.domain.commands import Kill, PauseRuns, ResumeRuns, StartRuns, StopRuns
from engine.domain.queries import GetStatus
from engine.domain.runs import RunState
from engine.domain.views import Outcome, OutcomeStatus, StatusView
from render.views.outcomes import kill_text, outcome_text
from render.views.status import greeting_text

EVERY = "all"
NOW = "now"
_MOST_BUTTONS = 12


async def start(call: Call) -> Reply:
    """Start runs; without a name only greet, since Telegram sends it when a chat is opened."""
    words = [word for word in call.words if word.lower() != NOW]
    now = len(words) < len(call.words)
    if not words:
        if now:
            raise UsageError("Say which run: /start NAME now, or /start all now.")
        return await _greet(call)
    outcome = await call.send(StartRuns(names=run_names(words), now=now, **call.envelope))
    return Reply(html=outcome_text(outcome, "Start"), buttons=_after_change(outcome))


async def stop(call: Call) -> Reply:
    """Stop runs: no entries, positions managed to their exit."""
    outcome = await call.send(StopRuns(names=run_names(call.words), **call.envelope))
    return Reply(html=outcome_text(outcome, "Stop"), buttons=_what_about_positions(outcome))


async def pause(call: Call) -> Reply:
    """Pause runs: no entries, exits go on."""
    outcome = await call.send(PauseRuns(names=run_names(call.words), **call.envelope))
    again = command_button("Resume", " ".join(("/resume", *call.words)))
    done = outcome.status is not OutcomeStatus.REFUSED
    return Reply(
        html=outcome_text(outcome, "Pause"),
        buttons=rows(row(again if done else None, command_button("Status", "/status"))),
    )


async def resume(call: Call) -> Reply:
    """Let paused runs enter again, from the next change of signal."""
    outcome = await call.send(ResumeRuns(names=run_names(call.words), **call.envelope))
    return Reply(html=outcome_text(outcome, "Resume"), buttons=_after_change(outcome))


async def kill(call: Call) -> Reply:
    """Halt at once, without a question."""
    outcome = await call.send(Kill(reason=" ".join(call.words), **call.envelope))
    buttons = rows(
        row(
            command_button("Positions", "/positions"),
            command_button("Flatten", "/flatten", emphasis=Emphasis.DANGER),
        )
    )
    return Reply(html=kill_text(outcome), buttons=buttons)


async def rearm(call: Call) -> Reply:
    """Preview letting trading go on after a kill."""
    return await call.tools.offers.offer(call, "rearm", Subject())


async def manual(call: Call) -> Reply:
    """Preview handing runs' positions to the manual book."""
    status = await call.ask(GetStatus(), StatusView)
    known = {run.name.casefold(): run.name for run in status.runs}
    unknown = [word for word in call.words if word.casefold() not in known]
    if unknown:
        names = ", ".join(known.values()) or "none"
        raise UsageError(f"No run {unknown[0]!r}. The runs are: {names}.")
    names_meant = tuple(known[word.casefold()] for word in call.words)
    return await call.tools.offers.offer(call, "manual", Subject(names=names_meant))


def run_names(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names typed; none for "all", which the commands read as every run."""
    if any(word.lower() == EVERY for word in words):
        return ()
    return tuple(words)


async def _greet(call: Call) -> Reply:
    view = await call.ask(GetStatus(), StatusView)
    idle = [run.name for run in view.runs if run.state in {RunState.STOPPED, RunState.STOPPING}]
    paused = [run.name for run in view.runs if run.state is RunState.PAUSED]
    offers = [
        *(command_button(f"Start {name}", f"/start {name}") for name in idle),
        *(command_button(f"Resume {name}", f"/resume {name}") for name in paused),
    ]
    if len(idle) > 1:
        offers.append(command_button("Start all", "/start all"))
    if view.header.trading_state is TradingState.HALTED:
        offers = [command_button("Re-arm", "/rearm")]
    starters = [button for button in offers if button is not None][:_MOST_BUTTONS]
    buttons = (
        *grid(starters),
        *rows(
            row(
                command_button("Status", "/status"),
                command_button("Positions", "/positions"),
                command_button("P&L", "/pnl"),
            ),
            row(command_button("Strategies", "/strategies"), command_button("Help", "/help")),
        ),
    )
    return Reply(html=greeting_text(view, call.operator.name), buttons=buttons)


def _after_change(outcome: Outcome) -> tuple[tuple[Button, ...], ...]:
    if outcome.status is OutcomeStatus.REFUSED:
        return rows(row(command_button("Strategies", "/strategies")))
    return rows(row(command_button("Status", "/status"), command_button("Positions", "/positions")))


def _what_about_positions(outcome: Outcome) -> tuple[tuple[Button, ...], ...]:
    """Offer what may be done with the positions of runs that are stopping."""
    if outcome.status is OutcomeStatus.REFUSED:
        return rows(row(command_button("Strategies", "/strategies")))
    holding = [run.name for run in outcome.runs if run.open_positions]
    if len(holding) == 1:
        name = holding[0]
        return rows(
            row(
                command_button("Hand to manual", f"/manual {name}"),
                command_button("Close now", f"/close {name}", emphasis=Emphasis.DANGER),
            )
        )
    return rows(
        *(
            row(
                command_button(f"{name}: to manual", f"/manual {name}"),
                command_button("Close now", f"/close {name}", emphasis=Emphasis.DANGER),
            )
            for name in holding[:5]
        ),
        row(command_button("Status", "/status")),
    )
