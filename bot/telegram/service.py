"""The bot as a service: polls, answers, and lends its sender to the notifiers."""

import asyncio
import secrets
from collections.abc import Callable, Sequence

import structlog
from telegram.error import TelegramError

from bot.telegram.auth import Action, Courtesy, Gatekeeper
from bot.telegram.call import ChartMaker, Tools
from bot.telegram.commanding import CommandSender
from bot.telegram.commands import build_registry
from bot.telegram.condition import Condition
from bot.telegram.confirm import Confirmations
from bot.telegram.dispatch import Desk, Dispatcher
from bot.telegram.facts import FactReporter
from bot.telegram.inbox import InboxMarks
from bot.telegram.incoming import Incoming, read_incoming
from bot.telegram.intake import Intake, Judged, Sources
from bot.telegram.limits import SendLimiter
from bot.telegram.menus import publish_menu, publish_menus
from bot.telegram.operations import operations
from bot.telegram.questions import Questions
from bot.telegram.redaction import quiet_noisy_loggers
from bot.telegram.sender import TelegramSender, delivery_error
from bot.telegram.settings import TelegramSettings
from bot.telegram.tasks import TaskPool
from bot.telegram.tickets import Tickets
from bot.telegram.transport import AiohttpRequest, QuietBot, ServerClock
from bot.telegram.updates import Update
from engine.domain.events import DifferenceEnded, DifferenceFound
from engine.domain.messages import Event
from engine.domain.views import ComponentHealth
from engine.errors import DeliveryDelayed, DeliveryRefused, StorageError
from engine.ports import ChatMessage, MessageBus, UnitOfWorkFactory, WallClock
from render.differences import ended_text

_log = structlog.get_logger(__name__)

_STRANGERS_AT_ONCE = 4
_SETTLE_PAUSE, _LONGEST_SETTLE_PAUSE = 1.0, 60.0


class TelegramService:
    """Everything between Telegram and the bus.

    Starts and goes on without Telegram: the service then waits for it, and trading is not
    touched. `sender` may be used as soon as `run` was called.
    """

    def __init__(
        self,
        settings: TelegramSettings,
        *,
        bus: MessageBus,
        unit_of_work: UnitOfWorkFactory,
        wall: WallClock,
        facts: FactReporter,
        version: str,
        charts: ChartMaker | None = None,
        others_health: Callable[[], Sequence[ComponentHealth]] = tuple,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        """Put the parts together; nothing is opened before `run`.

        Args:
            version: Ours, told to Telegram with each request.
            charts: Draws pictures; without it /chart and /equity answer with numbers.
            others_health: How parts outside the engine are, this one left out, for /health.
            jitter: Numbers from 0 to 1 that spread back-off; random ones by default.
        """
        quiet_noisy_loggers()  # before the library logs its address, token included
        self._settings = settings
        self._unit_of_work = unit_of_work
        self._wall = wall
        self._facts = facts
        self._clock = ServerClock(wall)
        self._condition = Condition(wall)
        self._requests = tuple(
            AiohttpRequest(self._clock, base_url=settings.base_url, agent=f"outcry/{version}")
            for _ in range(2)
        )
        polls, calls = self._requests
        self._bot = QuietBot(
            settings.token,
            base_url=settings.base_url,
            base_file_url=settings.base_file_url,
            request=calls,
            get_updates_request=polls,
        )
        self.sender = TelegramSender(
            self._bot, SendLimiter(wall), wall, reply_seconds=settings.reply_seconds
        )
        self._bus = bus
        self._pool = TaskPool("telegram")
        self._questions = Questions(self.sender.amend, self._pool.spawn)
        self.sender.watch(self._questions.posted)
        self._marks = InboxMarks(unit_of_work, wall)
        self._tickets = Tickets(unit_of_work, wall)
        self._commands = CommandSender(bus, seconds=settings.handler_seconds * 0.8)
        self._registry = build_registry()
        confirmations = Confirmations(self._tickets, operations(settings))
        tools = Tools(
            bus=bus,
            wall=wall,
            settings=settings,
            registry=self._registry,
            offers=confirmations,
            send=self._commands,
            health=lambda: (self.health(), *others_health()),
            questions=self._questions,
            charts=charts,
        )
        self._desk = Desk(
            tools=tools,
            sender=self.sender,
            confirmations=confirmations,
            tickets=self._tickets,
            marks=self._marks,
            clock=self._clock,
            unit_of_work=unit_of_work,
        )
        self._gate = Gatekeeper(settings)
        self._courtesy = Courtesy(wall)
        self._jitter = jitter or secrets.SystemRandom().random
        self._bot_name = ""
        self._dispatcher = Dispatcher(self._desk)
        self._strangers = TaskPool("telegram stranger")
        self._menus_for: set[int] = set()

    def health(self) -> ComponentHealth:
        """Return how the connection to Telegram is."""
        return self._condition.component()

    async def run(self) -> None:
        """Serve until cancelled; nothing that Telegram answers ends it."""
        if not self._settings.operators:
            _log.warning(
                "nobody may command the bot: name yourself under telegram.operators",
                example='[{"id": 42, "role": "admin"}]',
            )
        await asyncio.gather(*(request.initialize() for request in self._requests))
        self._pool.spawn(self._marks.run())
        self._pool.spawn(self._settle())
        unsubscribe = (
            self._bus.subscribe(DifferenceFound, self._difference_found),
            self._bus.subscribe(DifferenceEnded, self._difference_ended),
        )
        try:
            await self._expire_tickets()
            await self._intake().run()
        finally:
            for undo in unsubscribe:
                undo()
            await self._dispatcher.close()
            await self._strangers.close()
            await self._commands.close()
            await self._pool.close()
            await asyncio.gather(*(request.shutdown() for request in self._requests))

    def lender(self) -> "Lender":
        """Return a service that lends `sender` and hears nobody; run it in place of this one."""
        return Lender(self._requests)

    # --- the intake's consumer ---------------------------------------------------------------

    def kill(self, batch: Sequence[Judged]) -> None:
        """Act on kills although the database refuses the batch."""
        self._dispatcher.take_kills(self._incoming(batch))

    def take(self, batch: Sequence[Judged], *, last: bool) -> None:
        """Answer a stored batch: kills first."""
        rest = self._dispatcher.take_kills(self._incoming(batch))
        self._dispatcher.take(rest, last=last)
        for judged in batch:
            self._turn_away(judged)

    def _incoming(self, batch: Sequence[Judged]) -> list[Incoming]:
        found = []
        for update, verdict, recovered in batch:
            if verdict.operator is None:
                continue
            objection = verdict.reason if verdict.action is Action.EXPLAIN else ""
            incoming = read_incoming(
                update,
                verdict.operator,
                bot_name=self._bot_name,
                recovered=recovered,
                objection=objection,
            )
            if incoming is None:
                self._marks.finish(update.update_id, "done", "asks for nothing")
                continue
            found.append(incoming)
            self._complete_menu(incoming)
        return found

    # --- differences -------------------------------------------------------------------------

    async def _difference_found(self, event: Event) -> None:
        if isinstance(event, DifferenceFound):
            self._questions.found(event.difference)

    async def _difference_ended(self, event: Event) -> None:
        """Whoever answered it, or nobody: no message asks about it any more."""
        if isinstance(event, DifferenceEnded):
            how = ended_text(event.difference, self._name(event.actor), event.ts_recorded)
            self._questions.ended(event.difference.difference_id, how)

    def _name(self, actor: str) -> str:
        """Return who that is in words, empty for the engine itself."""
        by_id = {f"telegram:{known.id}": known.name for known in self._settings.operators}
        return "" if actor == "engine" else by_id.get(actor) or actor

    # --- everybody else ----------------------------------------------------------------------

    def _turn_away(self, judged: Judged) -> None:
        update, action = judged.update, judged.verdict.action
        if judged.recovered and judged.verdict.operator is None:
            self._marks.finish(update.update_id, "refused", judged.verdict.reason)
        moved = update.message.migrate_to_chat_id if update.message is not None else None
        if moved is not None and update.chat is not None:
            self._follow_group(update.chat.id, moved)
        if len(self._strangers) >= _STRANGERS_AT_ONCE:
            return  # a crowd at the door must not cost the operators their answers
        if action is Action.STRANGER:
            sender = update.sender
            if sender is not None and self._courtesy.due(sender.id):
                self._strangers.spawn(self._answer_stranger(update, sender.id))
        elif action is Action.LEAVE:
            chat = update.chat
            if chat is not None and self._courtesy.due(chat.id):
                self._strangers.spawn(self._leave(update, chat.id))

    async def _answer_stranger(self, update: Update, user_id: int) -> None:
        line = f"You are not an operator of this bot. Your id is <code>{user_id}</code>."
        press = update.callback_query
        _log.warning("stranger refused", user_id=user_id, kind=update.kind)
        await self._facts.access_refused(f"telegram:{user_id}", f"a {update.kind} to the bot")
        if press is not None:
            await self.sender.answer_press(press.id, "Not allowed.", alert=True)
        elif update.chat is not None:
            try:
                await self.sender.send(ChatMessage(chat_id=update.chat.id, html=line))
            except (DeliveryDelayed, DeliveryRefused) as exc:
                _log.info("stranger not answered", user_id=user_id, error=str(exc))

    async def _leave(self, update: Update, chat_id: int) -> None:
        sender = update.sender
        actor = f"telegram:{sender.id}" if sender is not None else "telegram"
        _log.warning("leaving a group that is not allowed", chat_id=chat_id)
        await self._facts.access_refused(actor, f"use of the bot in group {chat_id}, which it left")
        try:
            await self.sender.leave(chat_id)
        except (DeliveryDelayed, DeliveryRefused) as exc:
            _log.info("group not left", chat_id=chat_id, error=str(exc))

    def _follow_group(self, old_chat: int, new_chat: int) -> None:
        if self._gate.migrate(old_chat, new_chat):
            _log.warning(
                "an allowed group has a new id: put it into telegram.chats",
                old=old_chat,
                new=new_chat,
            )

    # --- starting ----------------------------------------------------------------------------

    def _intake(self) -> Intake:
        sources = Sources(
            request=self._requests[0],
            address=f"{self._bot.base_url}/getUpdates",
            unit_of_work=self._unit_of_work,
            wall=self._wall,
            gate=self._gate,
            condition=self._condition,
            facts=self._facts,
            jitter=self._jitter,
        )
        return Intake(self._settings, sources, self)

    async def _expire_tickets(self) -> None:
        """Fail closed: no button of an earlier process confirms anything."""
        while True:
            try:
                await self._tickets.expire_all()
                return
            except StorageError as exc:
                self._condition.ill(f"the tickets can't be read, commands wait: {exc}")
                await self._wall.sleep(1.0)

    async def _settle(self) -> None:
        """Learn our name, take polling over from a webhook, set the menus; beside the polling."""
        self._bot_name = await self._learn_name()
        _log.info("telegram bot ready", username=self._bot_name)
        try:
            await self._bot.delete_webhook(drop_pending_updates=False)
        except TelegramError as exc:
            _log.info("deleteWebhook refused", error=str(delivery_error(exc)))
        await publish_menus(self._bot, self._registry, self._settings)

    async def _learn_name(self) -> str:
        pause = _SETTLE_PAUSE
        while True:
            try:
                return (await self._bot.get_me()).username or ""
            except TelegramError as exc:
                _log.info("getMe failed, trying again", error=str(delivery_error(exc)))
            await self._wall.sleep(pause)
            pause = min(pause * 2, _LONGEST_SETTLE_PAUSE)

    def _complete_menu(self, incoming: Incoming) -> None:
        """Set an operator's menu when he first writes: before that Telegram knows no such chat."""
        operator = incoming.operator
        if incoming.is_private and operator.id not in self._menus_for:
            self._menus_for.add(operator.id)
            self._pool.spawn(publish_menu(self._bot, self._registry, operator.id, operator.role))


class Lender:
    """Keeps the connection to Telegram open for a sender, until cancelled."""

    def __init__(self, requests: Sequence[AiohttpRequest]) -> None:
        self._requests = requests

    async def run(self) -> None:
        await asyncio.gather(*(request.initialize() for request in self._requests))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.gather(*(request.shutdown() for request in self._requests))
