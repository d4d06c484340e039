"""A disk that loses its power or runs full, for one process: `powercut.c` put under it."""

import os
import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("powercut.c")
_BLOCK = 4096


def compiler() -> str | None:
    """Return the C compiler, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path) -> Path:
    """Compile the shim into `folder`."""
    library = folder / "powercut.so"
    command = [compiler() or "cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True, capture_output=True, text=True)
    return library


class Disk:
    """The disk below one data directory.

    Args:
        library: What `build` made.
        data_dir: What is watched; absolute.
        folder: Where the synced copies and the control byte are kept, outside of `data_dir`.
    """

    def __init__(self, library: Path, data_dir: Path, folder: Path) -> None:
        self._library = library
        self._data_dir = data_dir
        self._synced = folder / "synced"
        self._control = folder / "control"
        self._synced.mkdir(parents=True)
        self._control.write_bytes(b"\0")

    def environment(self) -> Mapping[str, str]:
        """Return what puts a process on this disk."""
        return {
            "LD_PRELOAD": str(self._library),
            "POWERCUT_DIR": str(self._data_dir),
            "POWERCUT_SYNCED": str(self._synced),
            "POWERCUT_CONTROL": str(self._control),
        }

    def set_full(self, full: bool) -> None:
        """From now on every write fails with ENOSPC, or none does."""
        with self._control.open("r+b") as control:
            control.write(b"\1" if full else b"\0")

    def cut_power(self, seed: int) -> None:
        """Leave what a disk would hold after its power failed; the process must be dead.

        Of each file that is what was synced last; of the blocks written since, some seeds keep
        none and others any of them, as a drive does that writes in its own order.
        """
        chance = random.Random(seed)
        keeps_some = chance.random() < 0.5
        for path in sorted(self._data_dir.rglob("*")):
            if not path.is_file() or path.name.endswith("-shm"):
                continue
            synced = self._synced / str(path.relative_to(self._data_dir)).replace(os.sep, "%")
            kept = synced.read_bytes() if synced.exists() else b""
            if keeps_some:
                kept = _torn(kept, path.read_bytes(), chance)
            path.write_bytes(kept)


def _torn(synced: bytes, written: bytes, chance: random.Random) -> bytes:
    """Return the synced blocks, with any of those that were written since in their places."""
    blocks = []
    for start in range(0, max(len(synced), len(written)), _BLOCK):
        old, new = synced[start : start + _BLOCK], written[start : start + _BLOCK]
        blocks.append((new if chance.random() < 0.5 else old).ljust(len(old), b"\0"))
    return b"".join(blocks)
