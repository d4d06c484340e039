"""The crash button: kill the service the hard way, to see it come back."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class CrashError(Exception):
    """The service could not be killed; the text says why and what to do."""


def kill_service(pid_file: Path | None) -> int:
    """Send SIGKILL to the process named in `pid_file` and return its id.

    Raises:
        CrashError: There is no such process; nothing was killed.
    """
    if pid_file is None:
        raise CrashError(
            "Nothing was killed: this sandbox does not know the service's process. "
            "Start it with --service-pid-file PATH."
        )
    pid = _read_pid(pid_file)
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError as exc:
        raise CrashError(
            f"Nothing was killed: process {pid} is not running. It may be coming back already."
        ) from exc
    except PermissionError as exc:
        raise CrashError(
            f"Nothing was killed: process {pid} belongs to someone else. "
            "Run the sandbox as the same user as the service."
        ) from exc
    return pid


def _read_pid(pid_file: Path) -> int:
    try:
        pid = int(pid_file.read_text().split()[0])
    except FileNotFoundError as exc:
        raise CrashError(
            "Nothing was killed: the service has not written its process id yet. "
            "Wait until it runs and press again."
        ) from exc
    except (OSError, ValueError, IndexError) as exc:
        raise CrashError(
            f"Nothing was killed: {pid_file.name} does not hold a process id. "
            "The service writes it when it starts."
        ) from exc
    if pid <= 1 or pid == os.getpid():
        raise CrashError(f"Nothing was killed: {pid} is not the id of a trading service.")
    return pid
