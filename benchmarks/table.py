"""Rows of the table, and what machine they were measured on."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: what, the figure to reach, what was measured, and whether it was reached."""

    what: str
    target: str
    measured: str
    reached: bool | None  # None: there is no figure to reach


def percentile(samples: Sequence[float], part: float) -> float:
    """Return the sample at `part` of the sorted ones (nearest rank)."""
    ordered = sorted(samples)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def spread(samples_ms: Sequence[float], digits: int = 1) -> str:
    """Return "p50 1.2 / p99 3.4 / max 5.6 ms (n=100)"."""
    parts = {
        "p50": statistics.median(samples_ms),
        "p99": percentile(samples_ms, 0.99),
        "max": max(samples_ms),
    }
    told = " / ".join(f"{name} {value:.{digits}f}" for name, value in parts.items())
    return f"{told} ms (n={len(samples_ms)})"


def machine() -> str:
    """Return the processor, cores, memory and the versions that matter."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = " ".join(
        f"{name} {version(name)}"
        for name in ("numpy", "SQLAlchemy", "aiosqlite", "python-telegram-bot", "aiohttp", "TA-Lib")
    )
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}; {packages}"
    )


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows with columns as wide as they need."""
    heads = ("what", "target", "measured", "")
    cells = [(row.what, row.target, row.measured, _mark(row.reached)) for row in rows]
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(4)]
    for line in [heads, tuple("-" * width for width in widths), *cells]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )


def _mark(reached: bool | None) -> str:
    return "" if reached is None else "reached" if reached else "MISSED"
