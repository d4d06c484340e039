"""The kill switch that needs no event loop: a thread that watches the kill file and the latch.

docs/kill.md says what happens. The file `KILL` in the data directory is a trigger: it is renamed
once the latch is durable, so that a re-arm by a person is not undone by a file from before.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId
from engine.errors import StorageError
from engine.ports import Clock
from engine.storage.sql.latch import read_latch, write_latch

_DONE_SUFFIX = ".done"
_LOOK_EVERY_SECONDS = 0.1
_BUSY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class KillSwitch:
    """Looks ten times a second, with a database connection of its own; tells each halt once.

    Args:
        clock: Wall time, for when the latch was set.
        on_halt: Called in this thread; must be quick, and safe from any thread.
    """

    def __init__(
        self,
        *,
        database: Path,
        kill_file: Path,
        account_id: AccountId,
        clock: Clock,
        on_halt: Callable[[Latch], None],
        look_every_seconds: float = _LOOK_EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._kill_file = kill_file
        self._account_id = account_id
        self._clock = clock
        self._on_halt = on_halt
        self._look_every = look_every_seconds
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = False
        self._last_problem = ""

    def start(self) -> None:
        """Begin to watch; a halt from before is known to whoever reads the store at start."""
        self._told = self._stored() is not None
        self._thread = threading.Thread(target=self._watch, name="kill switch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the thread has ended (it waits for no lock for long)."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * _BUSY_SECONDS)

    @property
    def is_watching(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _watch(self) -> None:
        while not self._stopped.wait(self._look_every):
            self.look()

    def look(self) -> None:
        """Look once."""
        latch = self._asked() or self._stored()
        if latch is None:
            self._told = False
        elif not self._told:
            self._told = True
            self._on_halt(latch)

    def _stored(self) -> Latch | None:
        """Return the latch when it says halted."""
        try:
            latch = read_latch(self._database, self._account_id)
        except StorageError as exc:
            self._complain(f"the kill latch can't be read; the kill file still works: {exc}")
            return None
        self._last_problem = ""
        return latch if latch is not None and latch.state is TradingState.HALTED else None

    def _asked(self) -> Latch | None:
        """Return a latch when the kill file is there, stored or (the disk failing) not."""
        try:
            text = self._kill_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as exc:  # a folder, no permission: somebody put it there on purpose
            text = f"kill file ({exc.strerror})"
        reason = text.strip().splitlines()[0][:200] if text.strip() else "kill file"
        latch = Latch(
            account_id=self._account_id,
            state=TradingState.HALTED,
            reason=reason,
            actor="kill file",
            since=self._clock.now(),
        )
        try:
            if write_latch(self._database, latch, busy_seconds=_BUSY_SECONDS):
                self._told = False  # it was not halted, or not any more
        except StorageError as exc:
            self._complain(f"halted, and the latch can't be stored yet; trying again: {exc}")
        else:
            self._put_away()
        return latch

    def _put_away(self) -> None:
        done = self._kill_file.with_name(self._kill_file.name + _DONE_SUFFIX)
        try:
            self._kill_file.replace(done)
        except OSError as exc:
            self._complain(
                f"the kill file {self._kill_file} can't be renamed ({exc.strerror}); remove it "
                "yourself before you re-arm, or trading halts again at once"
            )

    def _complain(self, problem: str) -> None:
        """Log a problem once, not ten times a second."""
        if problem != self._last_problem:
            self._last_problem = problem
            _log.error("kill switch", problem=problem)
