"""python -m tests.crash.nursery: forks lives of the service and tells what becomes of them.

Everything is imported once; a life is a process of its own that was forked from here and has its
own session, environment, log and data. Commands come as lines of JSON on standard input, events go
out as lines of JSON on standard output. When standard input ends, every life is killed.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import traceback

from tests.crash.life import live

_PR_SET_PDEATHSIG = 1


class Nursery:
    """Lives by their process ids."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._libc = ctypes.CDLL(None)
        # Lives read this end; nobody ever writes, so that it ends with this process.
        self._lifeline, self._held = os.pipe()

    def serve(self) -> None:
        """Obey until standard input ends."""
        woken, wake = os.pipe()
        for descriptor in (woken, wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        _tell({"event": "open"})
        text = b""
        while True:
            ready, _, _ = select.select([0, woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._look()
            if 0 in ready:
                part = os.read(0, 65_536)
                if not part:
                    break
                *lines, text = (text + part).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
        for pid in self._alive:
            os.kill(pid, signal.SIGKILL)

    def _obey(self, command: dict[str, object]) -> None:
        """Fork a life: `environ` and `log` are its own; `name` is how events call it."""
        pid = os.fork()
        if pid == 0:
            self._become(command)
        self._alive.add(pid)
        _tell({"event": "born", "name": command["name"], "pid": pid})

    def _become(self, command: dict[str, object]) -> None:
        """In the child: never returns."""
        status = 70
        try:
            self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            status = self._live(command)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _live(self, command: dict[str, object]) -> int:
        events = os.dup(1)
        os.set_inheritable(events, False)
        log = os.open(str(command["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(self._lifeline, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(self._held)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        environ = command["environ"]
        if not isinstance(environ, dict):
            raise TypeError("a life needs its environment")
        os.environ.clear()
        os.environ.update(environ)
        begin = getattr(self._libc, "powercut_begin", None)
        if begin is not None:
            begin()
        told = json.dumps({"event": "ready", "pid": os.getpid()}) + "\n"
        return live(os.environ, lambda: _write(events, told))

    def _look(self) -> None:
        """Tell which lives stopped or ended."""
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                _tell({"event": "stopped", "pid": pid})
                continue
            self._alive.discard(pid)
            _tell({"event": "ended", "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _tell(event: dict[str, object]) -> None:
    _write(1, json.dumps(event) + "\n")


def _write(descriptor: int, line: str) -> None:
    os.write(descriptor, line.encode())


def main() -> None:
    gc.freeze()
    Nursery().serve()


if __name__ == "__main__":
    main()
