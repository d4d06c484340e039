"""The edges as the settings ask for them: bot, notifiers with their channels, charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.telegram.facts import FactReporter
from bot.telegram.service import TelegramService
from bot.telegram.settings import Operator, TelegramSettings
from bot.web.service import WebService, WebSettings
from config.settings import RouteSettings, Settings
from engine.desk.state import Desk
from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId
from engine.ports import Channel, ChatSender, Clock, MessageBus, UnitOfWorkFactory, WallClock
from notifiers.channels.email import EmailChannel, EmailSettings, SmtpSecurity
from notifiers.channels.ntfy import NtfyChannel, NtfySettings
from notifiers.channels.telegram import TelegramChannel
from notifiers.channels.telegram import TelegramSettings as TelegramChannelSettings
from notifiers.routing import DEFAULT_ROUTES, Route
from notifiers.service import NotifierService
from outcry.running import Edge
from render.chart_worker import ChartWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """What the settings switch on.

    Attributes:
        charts: The drawing process that bot and notifiers share; close it at the end.
    """

    running: Sequence[Edge]
    charts: ChartWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What edges stand on, whether an engine runs or not."""

    account_id: AccountId
    mode: TradingMode
    storage: UnitOfWorkFactory
    bus: MessageBus
    clock: Clock
    wall: WallClock


def around(desk: Desk) -> Around:
    """Return what the edges of an engine stand on."""
    return Around(
        account_id=desk.account.id,
        mode=desk.account.mode,
        storage=desk.storage,
        bus=desk.bus,
        clock=desk.clock,
        wall=desk.wall,
    )


def build_edges(settings: Settings, where: Around, *, version: str) -> Edges:
    """Put the edges together; nothing is opened before they run."""
    charts = ChartWorker()
    telegram = _telegram(settings, where, charts, version=version)
    notifiers = _notifiers(settings, where, charts, telegram)
    web = WebService(
        WebSettings(host=settings.web.host, port=settings.web.port),
        bus=where.bus,
        facts=lambda: _facts(settings),
    )
    running = [Edge(name="notifiers", service=notifiers), Edge(name="web", service=web)]
    if telegram is not None:
        running.insert(0, Edge(name="telegram", service=telegram, health=telegram.health))
    return Edges(running=running, charts=charts)


def build_voice(settings: Settings, where: Around, *, version: str) -> Edges:
    """Put together what tells people and hears nobody: for a service that does not start."""
    charts = ChartWorker()
    telegram = _telegram(settings, where, charts, version=version)
    running = [Edge(name="notifiers", service=_notifiers(settings, where, charts, telegram))]
    if telegram is not None:
        running.append(Edge(name="telegram", service=telegram.lender()))
    return Edges(running=running, charts=charts)


def _facts(settings: Settings) -> Mapping[str, str]:
    """Return what /healthz says of the settings: only recorded prices have a speed."""
    if settings.account.mode is not TradingMode.REPLAY:
        return {}
    return {"speed": str(settings.replay.speed)}


def _notifiers(
    settings: Settings, where: Around, charts: ChartWorker, telegram: TelegramService | None
) -> NotifierService:
    sender = None if telegram is None else telegram.sender
    return NotifierService(
        unit_of_work=where.storage,
        bus=where.bus,
        clock=where.wall,
        market=where.clock,
        channels=_channels(settings, where, charts, sender),
        routes=_routes(settings.routes),
        alone=True,  # the account's lock lets one process run, and everything runs in it
    )


def _telegram(
    settings: Settings, where: Around, charts: ChartWorker, *, version: str
) -> TelegramService | None:
    given = settings.telegram
    if given.token is None:
        return None
    operators = tuple(Operator(id=one.id, role=one.role, name=one.name) for one in given.operators)
    return TelegramService(
        TelegramSettings(
            token=given.token.get_secret_value(),
            base_url=given.base_url,
            base_file_url=given.base_file_url,
            operators=operators,
            chats=given.chats,
            poll_timeout=given.poll_timeout_seconds,
        ),
        bus=where.bus,
        unit_of_work=where.storage,
        wall=where.wall,
        facts=FactReporter(
            where.storage,
            where.bus,
            account_id=where.account_id,
            mode=where.mode,
            market=where.clock,
            wall=where.wall,
        ),
        version=version,
        charts=charts,
    )


def _channels(
    settings: Settings, where: Around, charts: ChartWorker, sender: ChatSender | None
) -> list[Channel]:
    channels: list[Channel] = []
    operators = tuple(operator.id for operator in settings.telegram.operators)
    if sender is not None and operators:
        told = TelegramChannelSettings(chat_ids=operators)
        channels.append(TelegramChannel(told, sender=sender, artist=charts))
    if settings.email.host:
        channels.append(EmailChannel(_email(settings), clock=where.wall, artist=charts))
    if settings.push.topic:
        push = settings.push
        token = push.token.get_secret_value() if push.token else ""
        channels.append(
            NtfyChannel(NtfySettings(base_url=push.server, topic=push.topic, token=token))
        )
    return channels


def _email(settings: Settings) -> EmailSettings:
    email = settings.email
    return EmailSettings(
        host=email.host,
        port=email.port,
        sender=email.sender,
        recipients=email.recipients,
        username=email.username,
        password=email.password.get_secret_value() if email.password else "",
        security=SmtpSecurity(email.security),
        ca_file=email.ca_file,
    )


def _routes(given: Sequence[RouteSettings] | None) -> Sequence[Route]:
    if given is None:
        return DEFAULT_ROUTES
    return [
        Route(
            channel=route.channel,
            minimum=route.minimum,
            include=frozenset(route.include),
            exclude=frozenset(route.exclude),
        )
        for route in given
    ]
