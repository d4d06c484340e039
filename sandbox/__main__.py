"""`python -m sandbox`: run the outside world until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.config import SandboxConfig
from sandbox.db import dump
from sandbox.identity import TokenFormatError
from sandbox.server import PortTaken, Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox; exit status 0 when stopped, 2 when it could not start."""
    options = _parser().parse_args(arguments)
    # aiosmtpd warns about its own use of a deprecated attribute at every login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    config = SandboxConfig(
        state_dir=options.state_dir,
        host=options.host,
        port=options.port,
        smtp_port=options.smtp_port,
        token=options.token,
        upstream=options.upstream,
        service_pid_file=options.service_pid_file,
        fresh=options.fresh,
        limits=not options.no_limits,
        exchange=options.exchange,
        allowed_hosts=tuple(options.allow_host),
    )
    try:
        asyncio.run(_run(config, exit_with_stdin=options.exit_with_stdin))
    except (PortTaken, TokenFormatError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=(
            "The outside world in a box: a Bot API server, a mail server, a push server and a "
            "phone page to look at them; an exchange on request. Prints one line of JSON with all "
            "addresses when ready."
        ),
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=8080, help="HTTP port, 0 for any (default %(default)s)")
    add("--smtp-port", type=int, default=0, help="mail port, 0 for any (default)")
    add("--state-dir", type=Path, required=True, help="where chat, mails and secrets are kept")
    add("--token", help="bot token to accept (default: kept in the state directory)")
    add("--upstream", metavar="URL", help="the service, for /healthz, /metrics and /api/")
    add("--service-pid-file", type=Path, metavar="PATH", help="whom the crash button kills")
    add("--fresh", action="store_true", help="forget the former chat first")
    add("--no-limits", action="store_true", help="switch rate limits off (load tests)")
    add(
        "--exchange",
        choices=("spot", "linear"),
        help="run a scripted exchange as well, that the page can disturb",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name other than localhost or an address under which the page is opened",
    )
    add("--exit-with-stdin", action="store_true", help="stop when standard input is closed")
    return parser


async def _run(config: SandboxConfig, *, exit_with_stdin: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox(config) as box:
        sys.stdout.write(dump(box.announcement()) + "\n")
        sys.stdout.flush()
        if exit_with_stdin:
            await _stdin_or(stop)
        else:
            await stop.wait()


async def _stdin_or(stop: asyncio.Event) -> None:
    """Wait for `stop` or for the end of standard input: the parent is gone."""
    loop = asyncio.get_running_loop()

    def on_readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            stop.set()

    loop.add_reader(sys.stdin.fileno(), on_readable)
    try:
        await stop.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
