"""Where things lie in the data directory. Light: `outcry kill` needs it at once."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config.settings import Settings
from engine.errors import ConfigError, StorageError

PID_FILE = "service.pid"
REPLAY_BOOKS = "replay-venue.db"
PAPER_BOOKS = "paper-venue.db"
MARKETS = "markets"  # the lists of what exchanges trade
DEMO_MARKER = ".outcry-demo"  # in each folder of a demo, below the data directory


def database_file(settings: Settings) -> Path:
    """Return the SQLite file of the settings.

    Raises:
        ConfigError: Another database, or an address that is none.
    """
    url = urlsplit(settings.database_url)
    if url.scheme.split("+")[0] != "sqlite":
        raise ConfigError(
            f"storage.url: {url.scheme or 'that'} is not in this version; leave storage.url out to "
            "use SQLite in the data directory"
        )
    name = unquote(url.path.removeprefix("/"))
    if url.netloc or not name or name == ":memory:":
        raise ConfigError("storage.url: it names no file; use sqlite+aiosqlite:////path/outcry.db")
    return Path(name)


def prepare_data_dir(folder: Path) -> None:
    """Make the data directory, readable by its owner only.

    Raises:
        StorageError: It can't be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "no permission"
    except OSError as exc:
        reason = exc.strerror or str(exc)
    if reason:
        raise StorageError(
            f"the data directory {folder} can't be written ({reason}). Nothing was started. Make "
            "it writable for this user, or set OUTCRY_DATA_DIR to another one"
        )


def running_pid(folder: Path) -> int | None:
    """Return the process id of the service that runs on a data directory, None when none does."""
    try:
        pid = int((folder / PID_FILE).read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid
