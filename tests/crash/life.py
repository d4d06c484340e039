"""One life of the real service, with its awaits watched.

It is what `outcry run` starts, but for the event loop, which tells of every suspension on the path
of orders. Places count from the moment the process is told so (SIGUSR1). `CRASH_RECORD` names a
file in which they are written down; `CRASH_STOP` one that names those at which the process stops
itself (SIGSTOP).
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import ccxt.pro  # noqa: F401 (loaded once for all lives that are forked from here)

from engine.errors import OutcryError
from engine.service import EngineService
from outcry.app import serve
from outcry.commands.common import settings_of
from outcry.commands.run import root_of, secrets_of
from outcry.logs import configure_logs
from tests.crash.awaits import Record, StopAt, Suspended, watch
from tests.crash.weather import CROWDED, crowd

RECORD, STOP = "CRASH_RECORD", "CRASH_STOP"


def live(environ: Mapping[str, str], say_ready: Callable[[], None]) -> int:
    """Run the service until it ends; return its exit status. The environment must be set."""
    watcher = _watcher(environ)

    def watched_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        if watcher is not None:
            signal.signal(signal.SIGUSR1, watcher.arm)
            watch(loop, watcher)
        return loop

    crowding: list[asyncio.Task[None]] = []  # kept here: the loop alone would let go of it

    def ready(engine: EngineService) -> None:
        if CROWDED in environ:
            crowding.append(asyncio.ensure_future(crowd(engine.desk.storage)))
        say_ready()

    try:
        settings = settings_of(None)
        configure_logs(
            level=settings.log.level, form=settings.log.format, secrets=secrets_of(settings)
        )
        with asyncio.Runner(loop_factory=watched_loop) as runner:
            runner.run(serve(settings, environ, on_ready=ready, exit_with_stdin=True))
    except ExceptionGroup as failed:
        return _refused(root_of(failed))
    except OutcryError as error:
        return _refused(error)
    return 0


def _refused(error: BaseException) -> int:
    sys.stderr.write(f"outcry: {error}\n")
    return 1


class Armed:
    """Counts nothing before it is told to."""

    def __init__(self, inner: Suspended) -> None:
        self._inner = inner
        self._armed = False

    def arm(self, *_: object) -> None:
        self._armed = True

    def __call__(self, name: str) -> None:
        if self._armed:
            self._inner(name)


def _watcher(environ: Mapping[str, str]) -> Armed | None:
    if RECORD in environ:
        return Armed(Record(Path(environ[RECORD])))
    if STOP in environ:
        return Armed(StopAt(Path(environ[STOP])))
    return None
