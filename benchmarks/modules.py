"""What is measured, each module in a process of its own.

What one leaves in memory would cost the next one time: the collector walks through all of it.
"""

import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from benchmarks.table import Row

MODULES = ("engine", "evaluation", "orders", "venues", "restart", "chat", "kill", "demo", "growth")


def measured(name: str) -> list[Row]:
    """Measure one of them in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measure, name).result()


def _measure(name: str) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").measure()
    return rows
