"""What the composition root itself tells people, by the channels that work."""

import asyncio

import structlog

from config.settings import Settings
from engine.desk.state import Changes
from engine.domain.events import HeartbeatMissed, StartRefused
from engine.domain.ids import AccountId, EventId, digest_id
from engine.errors import OutcryError, StorageError
from engine.ports import MessageBus, UnitOfWorkFactory, WallClock
from engine.service import EngineService
from notifiers.dispatcher import CURSOR
from outcry.edges import Around, build_voice
from outcry.running import Alarm
from outcry.version import version

_log = structlog.get_logger(__name__)

_LOOK_EVERY_SECONDS = 0.05
_REFUSAL_OUT_SECONDS = 5.0


def alarm_of(engine: EngineService) -> Alarm:
    """Return what tells people that a part failed, by the channels that still work."""

    async def alarm(component: str, message: str) -> None:
        desk = engine.desk
        fact = desk.fact("fault", component, desk.wall.now().isoformat())
        event = HeartbeatMissed(**fact, component=component, message=message)
        try:
            await desk.commit(Changes(events=[event]))
        except StorageError as exc:
            _log.error("alert not stored", component=component, message=message, error=str(exc))

    return alarm


async def told(storage: UnitOfWorkFactory, wall: WallClock) -> None:
    """Return when every event stored so far has gone out on every channel."""
    while True:
        async with storage() as uow:
            counts = await uow.deliveries.counts()
            behind = await uow.cursors.get(CURSOR) < await uow.events.last_seq()
        if not behind and not counts.get("pending") and not counts.get("sending"):
            return
        await wall.sleep(_LOOK_EVERY_SECONDS)


async def tell_refused_start(
    settings: Settings,
    storage: UnitOfWorkFactory,
    bus: MessageBus,
    wall: WallClock,
    message: str,
) -> None:
    """Tell by every channel that the service does not start, and why; wait a moment for that.

    One cause is told once an hour: whoever supervises the service starts it again and again. What
    can't go out now is stored, and goes out at a start that succeeds.
    """
    now = wall.now()
    account = AccountId(settings.account.id)
    event = StartRefused(
        event_id=EventId(digest_id("ev", account, "start refused", message, f"{now:%Y-%m-%dT%H}")),
        account_id=account,
        mode=settings.account.mode,
        ts_event=now,
        ts_recorded=now,
        message=message,
    )
    where = Around(
        account_id=account,
        mode=settings.account.mode,
        storage=storage,
        bus=bus,
        clock=wall,
        wall=wall,
    )
    try:
        async with storage() as uow:
            await uow.events.add(event)
            await uow.commit()
        await _spoken(settings, where)
    except OutcryError as exc:
        _log.error("the refused start is not told", error=str(exc))


async def _spoken(settings: Settings, where: Around) -> None:
    """Run what tells people until everything is out, or for a moment."""
    voice = build_voice(settings, where, version=version())
    running = [asyncio.create_task(edge.service.run(), name=edge.name) for edge in voice.running]
    try:
        async with asyncio.timeout(_REFUSAL_OUT_SECONDS):
            await told(where.storage, where.wall)
    except TimeoutError:
        _log.warning("what could not be told goes out at the next start")
    finally:
        for task in running:
            task.cancel()
        for ended in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(ended, Exception):  # a refused start must not turn into another error
                _log.error("a channel failed", error=str(ended))
        await voice.charts.close()
