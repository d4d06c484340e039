"""Every await of the service, by name; and a stop of the process at one of them.

A task's coroutine is wrapped so that each of its suspensions is seen. A suspension is named by the
chain of our own frames that wait there, outermost first: "handlers/bars.py:57
handlers/orders.py:112 venues/ccxt/venue.py:88". Only chains that pass through the path of orders
and fills count.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from pathlib import Path
from time import time_ns
from types import CodeType, CoroutineType, GeneratorType, TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENGINE = str(ROOT / "engine") + os.sep

# Where a decision becomes an order, a fill a booking, and where both are asked after: a chain that
# passes one of these counts.
ON_THE_PATH = tuple(
    f"handlers/{name}.py"
    for name in (
        "bars",
        "catching_up",
        "doubts",
        "exits",
        "fills",
        "netting",
        "orders",
        "positions",
        "protection",
        "reconciling",
        "resolving",
        "unprotected",
    )
)

Suspended = Callable[[str], None]


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that tells of each of its suspensions."""

    def __init__(self, inner: Coroutine[Any, Any, Any], suspended: Suspended) -> None:
        self._inner = inner
        self._suspended = suspended
        self.__name__ = getattr(inner, "__name__", "task")
        self.__qualname__ = getattr(inner, "__qualname__", "task")

    def send(self, value: Any) -> Any:
        waited_for = self._inner.send(value)
        self._tell()
        return waited_for

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        waited_for = self._inner.throw(kind)
        self._tell()
        return waited_for

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()

    @property
    def cr_frame(self) -> Any:
        return getattr(self._inner, "cr_frame", None)

    @property
    def cr_running(self) -> bool:
        return bool(getattr(self._inner, "cr_running", False))

    @property
    def cr_code(self) -> CodeType | None:
        return getattr(self._inner, "cr_code", None)

    @property
    def cr_await(self) -> Any:
        return getattr(self._inner, "cr_await", None)

    def _tell(self) -> None:
        name = place_of(self._inner)
        if name is not None:
            self._suspended(name)


def watch(loop: asyncio.AbstractEventLoop, suspended: Suspended) -> None:
    """Tell of every suspension on the path of orders in tasks that `loop` makes from now on."""

    def task(
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        inner = coroutine if isinstance(coroutine, Coroutine) else _never(coroutine)
        return asyncio.Task(Watched(inner, suspended), loop=loop, context=context)

    loop.set_task_factory(task)


def place_of(coroutine: object) -> str | None:
    """Return the name of where a suspended coroutine waits; None off the path of orders."""
    chain: list[str] = []
    waits: object = coroutine
    while waits is not None:
        if isinstance(waits, CoroutineType):
            frame, waits = waits.cr_frame, waits.cr_await
        elif isinstance(waits, GeneratorType):
            frame, waits = waits.gi_frame, waits.gi_yieldfrom
        else:
            break
        if frame is not None and frame.f_code.co_filename.startswith(ENGINE):
            file = frame.f_code.co_filename.removeprefix(ENGINE)
            chain.append(f"{file}:{frame.f_lineno}")
    on_the_path = any(step.startswith(ON_THE_PATH) for step in chain)
    return " ".join(chain) if on_the_path else None


class StopAt:
    """Stops the whole process, threads and all, at the first of some places that it comes to.

    Whoever waits for the process sees it stopped (SIGSTOP) and decides what becomes of it.

    Args:
        path: Holds the names of the places, one a line, and afterwards that of the one reached.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places = frozenset(path.read_text().splitlines())

    def __call__(self, name: str) -> None:
        if name in self._places:
            self._places = frozenset()
            self._path.write_text(name)
            os.kill(os.getpid(), signal.SIGSTOP)


class Record:
    """Writes each place down once, in the order of first reaching it: time in ns, tab, name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: set[str] = set()

    def __call__(self, name: str) -> None:
        if name in self._seen:
            return
        self._seen.add(name)
        with self._path.open("a") as file:
            file.write(f"{time_ns()}\t{name}\n")


def _never(coroutine: object) -> Coroutine[Any, Any, Any]:
    raise TypeError(f"{coroutine!r} is no coroutine")
