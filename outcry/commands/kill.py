"""`outcry kill`: latch by a connection of its own, and the kill file; no service, no event loop."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from config.loading import SettingsError
from engine.domain.accounts import Latch, TradingState
from engine.domain.ids import AccountId
from engine.errors import ConfigError, OutcryError
from engine.storage.sql.latch import write_latch
from outcry.commands.common import settings_of
from outcry.killfile import pull
from outcry.places import DEMO_MARKER, database_file, running_pid

_BUSY_SECONDS = 0.5


def kill_now(config: Path | None, reason: str, *, as_json: bool) -> int:
    """Halt, by every way that works; 1 when none did."""
    problems: list[str] = []
    folder = Path(os.environ.get("OUTCRY_DATA_DIR") or "var")
    account, latched = "", False
    try:
        settings = settings_of(config)
        folder, account = settings.data_dir, settings.account.id
    except SettingsError as exc:
        problems += [*exc.problems, f"going by the kill file in {folder} alone"]
        database = None
    else:
        try:
            database = database_file(settings)
        except ConfigError as exc:
            problems.append(str(exc))
            database = None
    file = _pulled(folder, reason, problems)  # first: it needs no lock of anybody
    if database is not None:
        latched = _latched(database, account, reason, problems)
    pid = running_pid(folder)
    demos = _demos_too(folder, reason, problems)
    if as_json:
        print(
            json.dumps(
                {
                    "account": account or None,
                    "latched": latched,
                    "kill_file": None if file is None else str(file),
                    "service_pid": pid,
                    "demo_pids": demos,
                    "problems": problems,
                }
            )
        )
    else:
        _tell(account, file, pid, latched=latched, problems=problems)
        for demo in demos:
            print(f"A demo runs too: its service {demo} halts as well.")
    return 0 if latched or file is not None else 1


def _pulled(folder: Path, reason: str, problems: list[str]) -> Path | None:
    try:
        return pull(folder, reason)
    except OSError as exc:
        problems.append(f"the kill file in {folder} can't be written ({exc.strerror})")
        return None


def _demos_too(folder: Path, reason: str, problems: list[str]) -> list[int]:
    """Halt the demos that run below the data directory: whoever kills means everything he sees.

    Returns the process ids of their services.
    """
    halted = []
    for marker in sorted(folder.glob(f"*/{DEMO_MARKER}")):
        pid = running_pid(marker.parent)
        if pid is not None and _pulled(marker.parent, reason, problems) is not None:
            halted.append(pid)
    return halted


def _latched(database: Path, account: str, reason: str, problems: list[str]) -> bool:
    if not database.exists():
        problems.append(f"there is no database {database} yet; the kill file halts the first start")
        return False
    latch = Latch(
        account_id=AccountId(account),
        state=TradingState.HALTED,
        reason=reason,
        actor=f"cli:{os.environ.get('USER') or os.getuid()}",
        since=_now(),
    )
    try:
        write_latch(database, latch, busy_seconds=_BUSY_SECONDS)
    except OutcryError as exc:
        problems.append(str(exc))
        return False
    return True


def _now() -> datetime:
    from engine.schedule.live import SystemWallClock

    return SystemWallClock().now()


def _tell(
    account: str, file: Path | None, pid: int | None, *, latched: bool, problems: list[str]
) -> None:
    for problem in problems:
        print(f"outcry: {' '.join(problem.split())}", file=sys.stderr)
    if latched:
        print(f"Halted: account {account}. The latch is stored and survives restarts.")
    elif file is not None:
        print(f"Kill file written: {file}. The service halts as soon as it sees it.")
    else:
        print("outcry: nothing was halted; stop the service itself", file=sys.stderr)
        return
    if pid is None:
        print("No service is running; it will start halted. Resting orders stay as they are.")
    else:
        print(f"Service {pid} cancels the orders that could add exposure; stops are kept.")
    print("Positions are kept. Only a person allows trading again: /rearm in chat.")
