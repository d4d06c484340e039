"""A deterministic event loop: virtual time, and an order of turns drawn from a seed.

No selector, no threads, no waiting: when nothing is ready, time jumps to the next timer. Tasks that
are ready at one instant run in an order that the seed decides, so that interleavings differ from
seed to seed and are the same for the same one.
"""

import asyncio
import contextvars
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

_SWEEP_AT = 256  # finished tasks are forgotten in bulk
_LONGEST_WAIT = 7_200.0


class RealWorldTouched(BaseException):
    """Simulated code asked for real time, a thread or a socket.

    Not an Exception: no boundary of the product may turn it into a log line.
    """


class Turn:
    """A callback that waits for its turn: what asyncio calls a handle, without what is not used."""

    __slots__ = ("_cancelled", "_when", "args", "callback", "context", "is_world")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when: float = 0.0,
        is_world: bool = False,
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.is_world = is_world  # of the outside world: it outlives the process in the loop
        self._when = when
        self._cancelled = False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


class NumberedTask(asyncio.Task[Any]):
    """A task whose place in a set does not depend on where in memory it lies.

    A task group cancels its tasks in the order of a set.
    """

    def __init__(
        self,
        number: int,
        coro: Generator[Any, None, Any] | Coroutine[Any, Any, Any],
        **named: Any,
    ) -> None:
        self._number = number
        super().__init__(coro, **named)

    def __hash__(self) -> int:
        return self._number


class DeterministicLoop(asyncio.AbstractEventLoop):
    """What one process, and the world around it, run on.

    `turns` counts callbacks run: it is the step number that a violation is reported with. Where
    `fuse` counts down to zero, `on_fuse` is called between two turns; it may end the process.
    """

    def __init__(self, draw: Random, *, start: float = 0.0) -> None:
        self._below = draw.random
        self._now = start
        self._number = 0  # of timers
        self._born = 0  # tasks so far
        self._ready: list[Turn] = []
        self._timers: list[tuple[float, int, Turn]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping = False
        self.turns = 0
        self.fuse = -1
        self.on_fuse: Callable[[], None] = _nothing
        self.complaints: list[str] = []

    # --- time and turns ----------------------------------------------------------------------

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._now

    def run_until(self, end: float) -> None:
        """Run everything due up to virtual second `end`, or until `stop` is called."""
        self._stopping = False
        ready, below = self._ready, self._below
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            while not self._stopping:
                count = len(ready)
                if not count:
                    if not self._jump(end):
                        break
                    continue
                if count == 1:
                    turn = ready.pop()
                else:
                    place = int(below() * count)
                    turn = ready[place]
                    ready[place] = ready[-1]
                    ready.pop()
                if turn._cancelled:
                    continue
                self.turns += 1
                if turn.is_world:
                    turn.callback(*turn.args)
                else:
                    self._run(turn)
                if self.fuse > 0:
                    self.fuse -= 1
                    if not self.fuse:
                        self.on_fuse()
        finally:
            events._set_running_loop(before)

    def _run(self, turn: Turn) -> None:
        try:
            if turn.context is None:
                turn.callback(*turn.args)
            else:
                turn.context.run(turn.callback, *turn.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:  # as asyncio does: the loop goes on, and somebody is told
            self.call_exception_handler({"message": "callback failed", "exception": exc})

    def _jump(self, end: float) -> bool:
        """Move to the next instant that has a timer; False when there is none up to `end`."""
        timers, ready = self._timers, self._ready
        while timers and timers[0][2]._cancelled:
            heappop(timers)
        if not timers or timers[0][0] > end:
            self._now = max(self._now, end)
            return False
        when, _, turn = heappop(timers)
        ready.append(turn)
        if when > self._now:
            self._now = when
        while timers and timers[0][0] <= self._now:
            turn = heappop(timers)[2]
            if not turn._cancelled:
                ready.append(turn)
        return True

    def run_until_complete(self, future: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
        """Run until `future` is done.

        Raises:
            RuntimeError: It is not within two virtual hours, or nothing is left that could end it.
        """
        if not isinstance(future, asyncio.Future):
            future = self.create_task(future)
        future.add_done_callback(lambda _: self.stop())
        end = self._now + _LONGEST_WAIT
        while not future.done():
            if self._now >= end or not (self._ready or self._timers):
                raise RuntimeError("nothing is left to run, and the future is not done")
            self.run_until(end)
        return future.result()

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    async def shutdown_asyncgens(self) -> None:
        """Generators are not tracked: they end with their tasks."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """There is none."""

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Debug mode would measure real time."""

    # --- callbacks ---------------------------------------------------------------------------

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Turn:
        turn = Turn(callback, args, context)
        self._ready.append(turn)
        return turn

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Turn:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Turn:
        turn = Turn(callback, args, context, when)
        self._number += 1
        heappush(self._timers, (when, self._number, turn))
        return turn

    def world_at(self, when: float, callback: Callable[..., object], *args: object) -> Turn:
        """Call `callback` at virtual second `when`, whatever becomes of the process until then."""
        when = max(when, self._now)
        turn = Turn(callback, args, None, when, is_world=True)
        self._number += 1
        heappush(self._timers, (when, self._number, turn))
        return turn

    # --- futures and tasks -------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        self._born += 1
        name = f"task {self._born}" if name is None else name  # asyncio counts over all loops
        task = NumberedTask(self._born, coro, loop=self, name=name, context=context)
        if len(self._tasks) >= _SWEEP_AT:
            self._tasks = [one for one in self._tasks if not one.done()]
        self._tasks.append(task)
        return task

    def get_task_factory(self) -> None:
        return None

    def drop_process(self) -> None:
        """End every task of the process at once, as SIGKILL does; the world's timers stay.

        The handles of the process must be dead before: a coroutine that is closed still runs its
        `finally` blocks, and nothing that they do may be felt outside.
        """
        before = events._get_running_loop()
        events._set_running_loop(self)
        while self._tasks:  # clean-up may make new ones
            task = self._tasks.pop()
            if not task.done():
                task._log_destroy_pending = False
                _close(task.get_coro())
        events._set_running_loop(before)
        self._ready[:] = [turn for turn in self._ready if turn.is_world]
        self._timers[:] = [entry for entry in self._timers if entry[2].is_world]
        heapify(self._timers)

    def tasks(self) -> tuple[asyncio.Task[Any], ...]:
        """Return what has not ended, oldest first."""
        return tuple(task for task in self._tasks if not task.done())

    # --- what went wrong ---------------------------------------------------------------------

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody listened to: the judge asks for it."""
        problem = context.get("exception")
        told = context.get("message", "")
        self.complaints.append(f"{told}: {problem!r}" if problem is not None else told)

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)


# --- what there is not ---------------------------------------------------------------------------

_REAL_WORLD = (
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "call_soon_threadsafe",
    "connect_accepted_socket",
    "connect_read_pipe",
    "connect_write_pipe",
    "create_connection",
    "create_datagram_endpoint",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "getaddrinfo",
    "getnameinfo",
    "run_in_executor",
    "sendfile",
    "sock_accept",
    "sock_connect",
    "sock_recv",
    "sock_sendall",
    "start_tls",
    "subprocess_exec",
    "subprocess_shell",
)


def _close(coro: Any) -> None:
    """Close a coroutine that may want to go on waiting in its clean-up."""
    while True:
        try:
            coro.close()
        except RuntimeError:  # it waits in a `finally`: close it there as well
            continue
        except BaseException:
            return  # the process is gone: there is nobody whom this could reach
        else:
            return


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_named: object) -> NoReturn:
        raise RealWorldTouched(f"the loop's {name} would leave the simulation")

    return refuse


def _nothing() -> None:
    return None


for _name in _REAL_WORLD:
    setattr(DeterministicLoop, _name, _refusal(_name))
