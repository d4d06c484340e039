"""From a committed batch of updates to answers.

A fresh kill goes first and waits for nothing. Everything else goes into its operator's lane. An
inbox row is finished when its answer has been sent.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from bot.telegram.away import Late, away_reply, hold, is_late
from bot.telegram.call import Call, Tools, command_id_of
from bot.telegram.commanding import StillRunning
from bot.telegram.confirm import Confirmations
from bot.telegram.guard import Answered, answer_command, explain, guarded
from bot.telegram.inbox import InboxMarks
from bot.telegram.incoming import Incoming
from bot.telegram.lanes import Lanes
from bot.telegram.registry import CommandSpec, Tier
from bot.telegram.replies import Press, Reply, command_button, row, rows
from bot.telegram.sender import TelegramSender
from bot.telegram.tasks import TaskPool
from bot.telegram.tickets import TicketRefused, Tickets
from bot.telegram.transport import ServerClock
from engine.errors import DeliveryDelayed, DeliveryRefused, StorageError
from engine.ports import UnitOfWorkFactory
from render.html import escape
from render.views.outcomes import outcome_text

KILL = "kill"
_GRACE_SECONDS = 0.5
_MAKE_WAY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What answering takes."""

    tools: Tools
    sender: TelegramSender
    confirmations: Confirmations
    tickets: Tickets
    marks: InboxMarks
    clock: ServerClock
    unit_of_work: UnitOfWorkFactory


class Dispatcher:
    """Decides for each update who answers it, and when."""

    def __init__(self, desk: Desk) -> None:
        settings = desk.tools.settings
        self._desk = desk
        self._registry = desk.tools.registry
        self._pool = TaskPool("telegram answer")
        self._lanes = Lanes(self._pool, patience=settings.lane_patience, depth=settings.lane_depth)
        self._late: dict[int, list[Late]] = {}
        self._overflow: dict[int, int] = {}
        self._backlog_since: float | None = None  # monotonic: since when batches come full

    # --- taking in ---------------------------------------------------------------------------

    def take_kills(self, batch: Sequence[Incoming]) -> list[Incoming]:
        """Start every fresh kill of a batch at once; return the rest."""
        rest = []
        for incoming in batch:
            spec = self._spec(incoming)
            obeyed = spec is not None and spec.name == KILL and not incoming.objection
            if spec is not None and obeyed and not self._is_late(incoming, spec):
                self._pool.spawn(self._run(incoming, spec))
                self._stop_spinner(incoming)
            else:
                rest.append(incoming)
        return rest

    def take(self, batch: Sequence[Incoming], *, last: bool) -> None:
        """Hand updates to their lanes.

        Args:
            last: Nothing more is queued at the server. Until then the lanes stand still for up
                to a second: a kill may be in the next batch, and answers would delay it.
        """
        self._make_way(last)
        for incoming in batch:
            self._route(incoming)
        if last:
            self._flush_late()

    def _make_way(self, last: bool) -> None:
        now = self._desk.tools.wall.monotonic()
        if last:
            self._backlog_since = None
        elif self._backlog_since is None:
            self._backlog_since = now
        waited = 0.0 if self._backlog_since is None else now - self._backlog_since
        if last or waited > _MAKE_WAY_SECONDS:
            self._lanes.release()
        else:
            self._lanes.hold()

    def _flush_late(self) -> None:
        """Answer what was sent while nobody listened: one message a chat."""
        late, self._late = self._late, {}
        for chat_id, items in late.items():
            self._submit(items[-1].incoming, self._late_job(chat_id, items), always=True)

    async def close(self) -> None:
        """Let answers on their way arrive; what is left stays "received" for the next start."""
        await self._pool.close(grace=_GRACE_SECONDS)

    # --- routing -----------------------------------------------------------------------------

    def _route(self, incoming: Incoming) -> None:
        self._stop_spinner(incoming)
        if incoming.objection:
            text = f"Not obeyed: {incoming.objection}. Type the command here."
            self._say(incoming, text, state="refused", note=incoming.objection)
        elif incoming.line is not None:
            self._route_line(incoming)
        elif incoming.query_id:
            self._submit(incoming, lambda: self._press(incoming), always=True)
        elif incoming.is_private:
            self._say(incoming, "Send a command: /help lists them.")
        else:
            self._desk.marks.finish(incoming.update_id, "done", "talk")

    def _stop_spinner(self, incoming: Incoming) -> None:
        """Answer a press before anything else, so that the button rests whatever follows."""
        if incoming.query_id and not incoming.recovered:
            self._pool.spawn(self._desk.sender.answer_press(incoming.query_id))

    def _route_line(self, incoming: Incoming) -> None:
        spec = self._spec(incoming)
        if spec is None:
            self._say_unknown(incoming)
            return
        if self._is_late(incoming, spec):
            self._late.setdefault(incoming.chat_id, []).append(Late(incoming=incoming, spec=spec))
            return
        tightens = spec.tier is Tier.TIGHTEN
        self._submit(incoming, lambda: self._run(incoming, spec), always=tightens)

    def _submit(
        self, incoming: Incoming, job: Callable[[], Awaitable[None]], *, always: bool = False
    ) -> None:
        if self._lanes.submit(incoming.operator.id, job, always=always):
            return
        self._desk.marks.finish(incoming.update_id, "refused", "too many at once")
        chat_id = incoming.chat_id
        first = chat_id not in self._overflow
        self._overflow[chat_id] = self._overflow.get(chat_id, 0) + 1
        if first:  # behind what is waiting: by then all that was too much has been counted
            self._lanes.submit(
                incoming.operator.id, lambda: self._tell_overflow(chat_id), always=True
            )

    def _spec(self, incoming: Incoming) -> CommandSpec | None:
        return None if incoming.line is None else self._registry.find(incoming.line.name)

    def _is_late(self, incoming: Incoming, spec: CommandSpec) -> bool:
        seconds = self._desk.tools.settings.freshness_seconds
        return is_late(incoming, spec, self._desk.clock.now(), seconds)

    # --- answering ---------------------------------------------------------------------------

    async def _run(self, incoming: Incoming, spec: CommandSpec) -> None:
        call = self._call(incoming)
        answered = None
        if incoming.recovered and spec.tier is not Tier.READ:
            answered = await self._told_before(incoming, call)
        await self._deliver(incoming, answered or await answer_command(call, spec))

    async def _press(self, incoming: Incoming) -> None:
        if incoming.press is Press.DISMISS:
            await self._desk.sender.remove_buttons(incoming.chat_id, incoming.message_id)
        if incoming.press in {Press.DISMISS, Press.NOTHING}:
            self._desk.marks.finish(incoming.update_id)
            return
        await self._deliver(incoming, await self._press_answer(incoming))

    async def _press_answer(self, incoming: Incoming) -> Answered:
        if incoming.recovered:
            return _press_before_restart()
        answered = await guarded(
            self._pressed(incoming),
            "the confirmation",
            changes=incoming.press is Press.CONFIRM,
        )
        # A failure is told below the question, which may then still be answered.
        failed = answered.note and answered.running is None
        return replace(answered, state="refused") if failed else answered

    async def _pressed(self, incoming: Incoming) -> Answered:
        confirmations, call = self._desk.confirmations, self._call(incoming)
        if incoming.press is Press.CONFIRM:
            reply = await confirmations.confirm(call, incoming.payload, incoming.message_id)
        elif incoming.press is Press.DECLINE:
            reply = await confirmations.decline(call, incoming.payload, incoming.message_id)
        else:
            raise TicketRefused("This button is of an older version. Send the command again.")
        return Answered(reply=reply)

    def _late_job(self, chat_id: int, items: Sequence[Late]) -> Callable[[], Awaitable[None]]:
        first = items[0].incoming

        async def told() -> Answered:
            held = await hold(self._call(first), items)
            reply = away_reply(items, self._desk.clock.now(), held)
            return Answered(reply=reply, state="quarantined")

        async def job() -> None:
            what = "what you sent while nobody answered"
            answered = await guarded(told(), what, changes=True)
            for item in items[1:]:
                self._desk.marks.finish(item.incoming.update_id, "quarantined")
            _log.info("late commands", chat_id=chat_id, number=len(items))
            await self._deliver(first, answered)

        return job

    async def _deliver(self, incoming: Incoming, answered: Answered) -> None:
        """Send an answer and finish the inbox row."""
        sender, reply = self._desk.sender, answered.reply
        refused_press = incoming.edits and answered.state == "refused"
        note = answered.note
        try:
            if incoming.edits and not refused_press:
                shown = await sender.edit(incoming.chat_id, incoming.message_id, reply)
            else:
                shown = await sender.reply(incoming.chat_id, reply)
            if reply.ticket_id is not None and shown != incoming.message_id:
                await self._desk.tickets.bind(reply.ticket_id, shown)
        except (DeliveryDelayed, DeliveryRefused, StorageError) as exc:
            note = f"answer not delivered: {exc}"
            _log.error("answer not delivered", chat_id=incoming.chat_id, error=str(exc))
        self._desk.marks.finish(incoming.update_id, answered.state, note)
        if reply.outdated:
            self._pool.spawn(self._retire(incoming))
        if answered.running is not None:
            self._pool.spawn(self._follow_up(incoming, answered.running))

    async def _retire(self, incoming: Incoming) -> None:
        """Take the buttons off a pressed message that asks nothing more and that nobody minds."""
        chat_id, message_id = incoming.chat_id, incoming.message_id
        is_known = self._desk.tools.questions.knows(chat_id, message_id)
        if incoming.press is Press.ANSWER and not is_known:
            await self._desk.sender.remove_buttons(chat_id, message_id)

    async def _follow_up(self, incoming: Incoming, running: StillRunning) -> None:
        """Tell the outcome of a command that took longer than anybody waits."""
        what = incoming.line.text if incoming.line is not None else "The command"

        async def ended() -> Answered:
            return Answered(reply=Reply(html=outcome_text(await running.task, what)))

        answered = await guarded(ended(), what, changes=True)
        try:
            await self._desk.sender.reply(incoming.chat_id, answered.reply)
        except (DeliveryDelayed, DeliveryRefused) as exc:
            _log.error("late outcome not delivered", chat_id=incoming.chat_id, error=str(exc))

    # --- small answers -----------------------------------------------------------------------

    def _say(self, incoming: Incoming, text: str, *, state: str = "done", note: str = "") -> None:
        answered = Answered(reply=Reply(html=escape(text)), state=state, note=note)
        self._submit(incoming, lambda: self._deliver(incoming, answered))

    def _say_unknown(self, incoming: Incoming) -> None:
        name = incoming.line.name if incoming.line is not None else ""
        near = self._registry.nearest(name)
        hint = f"Did you mean /{near.name}? " if near is not None else ""
        text = f"There is no command /{name}. {hint}Nothing was done. /help lists all."
        buttons = rows(row(command_button("Help", "/help")))
        answered = Answered(
            reply=Reply(html=escape(text), buttons=buttons), state="refused", note="unknown"
        )
        self._submit(incoming, lambda: self._deliver(incoming, answered))

    async def _tell_overflow(self, chat_id: int) -> None:
        number = self._overflow.pop(chat_id, 0)
        text = f"{number} commands came faster than they can be answered and were not run: "
        reply = Reply(html=f"{text}nothing was changed by them. Send again what you need.")
        try:
            await self._desk.sender.reply(chat_id, reply)
        except (DeliveryDelayed, DeliveryRefused) as exc:
            _log.error("answer not delivered", chat_id=chat_id, error=str(exc))

    async def _told_before(self, incoming: Incoming, call: Call) -> Answered | None:
        """Return what is known of a command that was begun before a restart, None if nothing."""
        try:
            async with self._desk.unit_of_work() as uow:
                record = await uow.commands.get(command_id_of(incoming.cause))
        except StorageError as exc:
            return explain(exc, call.line, changes=True)
        if record is None:
            return None
        if record.status == "received":
            end = "It was being carried out when the service stopped. Look at /status."
        else:
            end = f"It was carried out before the restart: {record.status}. {record.result}".strip()
        return Answered(reply=Reply(html=f"<b>{escape(call.line)}</b>\n{escape(end)}"))

    def _call(self, incoming: Incoming) -> Call:
        line = incoming.line
        return Call(
            tools=self._desk.tools,
            operator=incoming.operator,
            chat_id=incoming.chat_id,
            cause=incoming.cause,
            name=line.name if line is not None else "",
            words=line.words if line is not None else (),
        )


def _press_before_restart() -> Answered:
    text = (
        "You pressed a button just before the service restarted. It was not pressed again for "
        "you: look whether it was carried out."
    )
    buttons = rows(
        row(command_button("Positions", "/positions"), command_button("Orders", "/orders"))
    )
    return Answered(reply=Reply(html=text, buttons=buttons), state="refused", note="restart")
