"""`outcry demo`: starts the sandbox and the service, keeps the service running, ends both.

Standard library only, and little of it: this process stays under 20 MB beside what it starts
(docs/adr/0010-demo-processes.md). It outlives a crash of the service and starts it again.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from outcry.demo_environment import own_token, sandbox_environment, service_environment
from outcry.demo_options import BAD_INPUT, Options, Play, Refused, read_options

MARKER = ".outcry-demo"
LOG = "service.log"
PID_FILE = "service.pid"

_LONGEST_LOG = 5_000_000
_SANDBOX_READY_WITHIN = 30.0
_SERVICE_ENDS_WITHIN = 10.0
_SANDBOX_ENDS_WITHIN = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_WELL_AFTER = 20.0


def main(arguments: Sequence[str]) -> int:
    """Run until Ctrl-C or SIGTERM; 0 then."""
    try:
        options = read_options(arguments, os.environ)
        with _only_one(options.folder):
            # A scripted exchange begins anew with its sandbox, and our books of it with it.
            _make_folder(options.folder, fresh=options.fresh or options.play is Play.EXCHANGE)
            return Supervisor(options, os.environ).run()
    except Refused as exc:
        print(f"outcry: {exc}", file=sys.stderr)
        return exc.status


# --- the folder -------------------------------------------------------------------------------


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the demo's folder: a second demo on it would fight over the database and the chat."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(
            folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as exc:
        raise Refused(
            f"the data directory {folder.parent} can't be written ({exc.strerror}). Nothing was "
            "started. Make it writable, or set OUTCRY_DATA_DIR to another one"
        ) from exc
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(
            f"a demo is running on {folder} already; this start did nothing. Stop that one, or "
            "set OUTCRY_DATA_DIR to another directory"
        ) from None
    else:
        yield
    finally:
        os.close(lock)


def _make_folder(folder: Path, *, fresh: bool) -> None:
    """Make the demo's folder; with `fresh`, remove what is in it, if it is ours."""
    if fresh and folder.exists():
        if not (folder / MARKER).exists():
            raise Refused(f"{folder} was not made by the demo; nothing was removed. Move it away")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARKER).touch()


# --- supervising ------------------------------------------------------------------------------


class Supervisor:
    """The sandbox, the service, and what happens between them."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        self._options = options
        self._environ = environ
        self._folder = options.folder
        self._web_port = _free_port()
        self._log = open_log(self._folder / LOG)
        self._asked_to_stop = False
        self._children_wake, self._wake = os.pipe()
        self._sandbox: subprocess.Popen[bytes] | None = None
        self._service: subprocess.Popen[bytes] | None = None
        self._service_env: dict[str, str] = {}
        self._service_since = 0.0
        self._is_ready = self._was_ready = False
        self._pause = _FIRST_PAUSE
        self._page = ""
        self._told = ""  # why it ended last time

    def run(self) -> int:
        for descriptor in (self._children_wake, self._wake):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop
        try:
            said = self._start_sandbox()
            if said is not None:
                self._page = str(said["page"])
                self._service_env = service_environment(
                    self._environ, said, self._options, self._web_port
                )
                self._say_about_telegram()
                self._watch()
        finally:
            self._end()
        return 0

    def _stop(self, *_: object) -> None:
        self._asked_to_stop = True

    # --- sandbox -----------------------------------------------------------------------------

    def _start_sandbox(self) -> dict[str, object] | None:
        options = self._options
        command = [
            *(sys.executable, "-m", "sandbox"),
            *("--host", options.host, "--port", str(options.port), "--smtp-port", "0"),
            *("--state-dir", str(self._folder / "sandbox")),
            *("--upstream", f"http://127.0.0.1:{self._web_port}"),
            *("--service-pid-file", str(self._folder / PID_FILE)),
            "--exit-with-stdin",
            "--no-limits",  # ntfy's would be spent in minutes: 600 times as much happens here
        ]
        if options.sandbox_exchange is not None:
            command += ["--exchange", options.sandbox_exchange]
        self._sandbox = _child(command, sandbox_environment(self._environ), stderr=None)
        line = self._line_of(self._sandbox, within=_SANDBOX_READY_WITHIN)
        if line is None:
            if self._asked_to_stop:
                return None
            raise Refused("the sandbox did not start; nothing runs. See the line above")
        said: dict[str, object] = json.loads(line)
        return said

    def _line_of(self, child: "subprocess.Popen[bytes]", within: float) -> bytes | None:
        """Return the first line that a child prints; None when it ends or takes too long."""
        deadline = time.monotonic() + within
        text = b""
        while b"\n" not in text and not self._asked_to_stop:
            left = deadline - time.monotonic()
            if left <= 0 or child.stdout is None:
                return None
            ready = self._wait(left, child.stdout.fileno())
            if child.stdout.fileno() in ready:
                part = os.read(child.stdout.fileno(), 65_536)
                if not part:
                    return None
                text += part
        return None if self._asked_to_stop else text

    def _wait(self, seconds: float, *descriptors: int) -> list[int]:
        """Wait for a signal, a child's end, or something to read."""
        ready, _, _ = select.select([self._children_wake, *descriptors], [], [], max(seconds, 0))
        with suppress(BlockingIOError):
            os.read(self._children_wake, 4096)
        return list(ready)

    # --- service -----------------------------------------------------------------------------

    def _start_service(self) -> None:
        command = [
            *(sys.executable, "-m", "outcry", "run"),
            *("--config", str(self._options.settings), "--exit-with-stdin"),
        ]
        _close_pipes(self._service)
        self._service = _child(command, self._service_env, stderr=self._log)
        self._service_since = time.monotonic()
        self._is_ready = False

    def _watch(self) -> None:
        """Keep the service running until told to stop."""
        self._start_service()
        while not self._asked_to_stop:
            service, sandbox = self._service, self._sandbox
            if sandbox is not None and sandbox.poll() is not None:
                raise Refused(
                    f"the sandbox ended ({_how(sandbox.returncode)}); the service is stopped. "
                    "Start again; its state is kept"
                )
            if service is None or service.poll() is not None:
                self._service_ended(service)
                continue
            watched = [] if self._is_ready or service.stdout is None else [service.stdout.fileno()]
            ready = self._wait(3600.0, *watched)
            if watched and watched[0] in ready and os.read(watched[0], 4096):
                self._announce()

    def _announce(self) -> None:
        self._is_ready = True
        if self._was_ready:
            _say("the service is running again")
        else:
            _say(f"ready: open {self._page}{_more(self._options)}")
        self._was_ready = True

    def _service_ended(self, service: "subprocess.Popen[bytes] | None") -> None:
        status = service.returncode if service is not None else 0
        if status == BAD_INPUT:
            raise Refused(f"the service can't start: {self._last_words()}", BAD_INPUT)
        lasted = time.monotonic() - self._service_since
        self._pause = _FIRST_PAUSE if lasted > _WELL_AFTER else self._pause
        self._say_ended(status)
        deadline = time.monotonic() + self._pause
        while not self._asked_to_stop and (left := deadline - time.monotonic()) > 0:
            self._wait(left)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        if not self._asked_to_stop:
            self._start_service()

    def _say_ended(self, status: int) -> None:
        """Tell why the service ended; a cause that goes on is told once."""
        why = f": {words}" if status > 0 and (words := self._last_words()) else ""
        told = f"the service ended ({_how(status)}){why}"
        if self._was_ready or self._is_ready:
            _say(f"{told}; starting it again, its state is kept")
        elif told != self._told:
            live = " (for live prices: the network, or the symbol)"
            _say(
                f"{told}\noutcry: it is tried again and again, {_LONGEST_PAUSE:.0f} s apart in the "
                f"end. Mend what it says{live if self._options.play is Play.PAPER else ''}, or end "
                f"it with Ctrl-C. The page is open already: {self._page}"
            )
        self._told = told

    def _last_words(self) -> str:
        """Return what the service said last on purpose."""
        with suppress(OSError):
            text = (self._folder / LOG).read_bytes()[-20_000:].decode(errors="replace")
            said = [line for line in text.splitlines() if line.startswith("outcry: ")]
            if said:
                return said[-1].removeprefix("outcry: ")
        return f"see {self._folder / LOG}"

    def _say_about_telegram(self) -> None:
        if not own_token(self._environ):
            return
        server = self._environ.get("OUTCRY_TELEGRAM__BASE_URL")
        _say(f"talking to {server or 'real Telegram'}; mail and push still go to the page")
        if not self._environ.get("OUTCRY_TELEGRAM__OPERATORS"):
            _say(
                "nobody may command the bot yet: write to it, it answers with your id; then start "
                """again with OUTCRY_TELEGRAM__OPERATORS='[{"id": YOUR_ID, "role": "admin"}]'"""
            )

    # --- the end -----------------------------------------------------------------------------

    def _end(self) -> None:
        """End the service first, so that its last words reach the chat; then the sandbox."""
        signal.set_wakeup_fd(-1)
        _end_child(self._service, _SERVICE_ENDS_WITHIN)
        _end_child(self._sandbox, _SANDBOX_ENDS_WITHIN)
        os.close(self._log)


# --- processes --------------------------------------------------------------------------------


def _child(
    command: Sequence[str], environ: Mapping[str, str], *, stderr: int | None
) -> "subprocess.Popen[bytes]":
    """Start a child that ends with us, however we end (its standard input does), and that
    Ctrl-C in the terminal does not reach: we end it in order."""
    return subprocess.Popen(
        command,
        env=dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )


def _end_child(child: "subprocess.Popen[bytes] | None", within: float) -> None:
    if child is None:
        return
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(within)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _close_pipes(child)


def _close_pipes(child: "subprocess.Popen[bytes] | None") -> None:
    for pipe in (child.stdin, child.stdout) if child is not None else ():
        if pipe is not None:
            pipe.close()


def open_log(path: Path) -> int:
    """Open the service's log for appending; begin anew when it has grown long."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > _LONGEST_LOG:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _more(options: Options) -> str:
    """Return what is special about this kind of demo."""
    if options.play is Play.EXCHANGE:
        return " (it trades on the sandbox's exchange: disturb that under Exchange on the page)"
    if options.play is Play.PAPER:
        names = ", ".join(options.symbols)
        return f" (live prices of {options.exchange} for {names}, simulated fills, no key)"
    return ""


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-status).name}"
    return f"killed by signal {-status}"


def _say(text: str) -> None:
    print(f"outcry: {text}", flush=True)
