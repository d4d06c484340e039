"""From a command to an answer, whatever happens: every failure has a text, and a log line."""

import asyncio
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass

import structlog

from bot.telegram.call import Call
from bot.telegram.commanding import StillRunning
from bot.telegram.registry import CommandSpec, Tier, UsageError
from bot.telegram.replies import Reply, command_button, row, rows
from bot.telegram.tickets import TicketRefused
from engine.errors import OutcryError, QueryTimedOut, StorageError, TradingError
from render.html import escape
from render.views.outcomes import not_done_text

_log = structlog.get_logger(__name__)

_READ_STATE = "Nothing was changed; trading goes on."
_UNKNOWN_STATE = "Whether it was carried out is not known."
_LOOK_FIRST = "Look at /status and /orders before you send it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer and what the inbox row says of it.

    Attributes:
        state: "done" or "refused".
        running: Set where the outcome is still to come.
    """

    reply: Reply
    state: str = "done"
    note: str = ""
    running: StillRunning | None = None


async def answer_command(call: Call, spec: CommandSpec) -> Answered:
    """Run a command's handler and return its answer, a failure's text included."""
    if not call.operator.role.covers(spec.role):
        needed = spec.role.value
        why = f"It needs the role {needed}; yours is {call.operator.role.value}."
        reply = _failure(call.line, why, "Nothing was changed.", "Ask an administrator.")
        return Answered(reply=reply, state="refused", note=f"needs {needed}")

    async def handled() -> Answered:
        spec.check(call.words)
        async with asyncio.timeout(call.tools.settings.handler_seconds):
            return Answered(reply=await spec.handler(call))

    return await guarded(handled(), call.line, changes=spec.tier is not Tier.READ)


async def guarded(work: Awaitable[Answered], what: str, *, changes: bool) -> Answered:
    """Return what `work` answers, or the text of its failure.

    Args:
        what: The command, as the text names it.
        changes: It may have changed something before it failed.
    """
    try:
        return await work
    except Exception as exc:  # bot error handler: every command gets an answer
        return explain(exc, what, changes=changes)


def explain(exc: Exception, what: str, *, changes: bool) -> Answered:
    """Return the answer to a command that failed."""
    if isinstance(exc, UsageError | TicketRefused):
        return Answered(reply=Reply(html=escape(exc)), state="refused", note=str(exc))
    if isinstance(exc, StillRunning):
        html = (
            f"{escape(what)} was handed over and has not ended yet. The result follows here; "
            "don't send it again."
        )
        return Answered(reply=Reply(html=html), note="still running", running=exc)
    if isinstance(exc, QueryTimedOut):
        reply = _failure(what, str(exc), "", "", again=what)
        return Answered(reply=reply, note=str(exc))
    if isinstance(exc, TimeoutError):
        state, step = (_UNKNOWN_STATE, _LOOK_FIRST) if changes else (_READ_STATE, "Try again.")
        return Answered(reply=_failure(what, "No answer in time.", state, step), note="timed out")
    if isinstance(exc, TradingError):
        reply = _failure(what, exc.user_message, "", "/orders and /positions show what is there.")
        return Answered(reply=reply, note=str(exc))
    if isinstance(exc, StorageError):
        step = "Free or repair the database; /kill is still tried without it."
        return Answered(reply=_failure(what, str(exc), "", step), note=str(exc))
    if isinstance(exc, OutcryError):
        state = "" if changes else _READ_STATE
        return Answered(reply=_failure(what, str(exc), state, ""), note=str(exc))
    return _unforeseen(exc, what, changes=changes)


def _unforeseen(exc: Exception, what: str, *, changes: bool) -> Answered:
    reference = f"E-{secrets.token_hex(3).upper()}"
    _log.error("command failed", reference=reference, command=what, exc_info=exc)
    if changes:
        state, step = _UNKNOWN_STATE, _LOOK_FIRST
    else:
        state, step = _READ_STATE, "Try again; if it stays so, look the reference up in the log."
    reply = _failure(what, "An error inside the service.", state, step, reference=reference)
    return Answered(reply=reply, note=reference)


def _failure(
    what: str, why: str, state: str, step: str, *, reference: str = "", again: str = ""
) -> Reply:
    buttons = rows(row(command_button("Try again", again))) if again.startswith("/") else ()
    return Reply(html=not_done_text(what, why, state, step, reference), buttons=buttons)
