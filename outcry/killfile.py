"""The kill file: a trigger that any program can pull, watched by `outcry.killswitch`."""

from pathlib import Path

KILL_FILE = "KILL"


def pull(folder: Path, reason: str) -> Path:
    """Write the kill file into a data directory; raises OSError when that can't be done."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / KILL_FILE
    path.write_text(reason + "\n", encoding="utf-8")
    return path
