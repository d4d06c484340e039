"""`outcry doctor`: what a start needs, each line OK, WARN or FAIL with what to do."""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from config.loading import SettingsError
from config.settings import Settings
from engine.domain.accounts import TradingMode
from engine.errors import OutcryError
from outcry.commands.common import settings_of
from outcry.places import database_file, prepare_data_dir, running_pid

_LITTLE_SPACE, _TOO_LITTLE_SPACE = 1_000_000_000, 100_000_000
_CONNECT_SECONDS = 3.0


class Verdict(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    verdict: Verdict
    what: str
    detail: str


def examine(config: Path | None, *, as_json: bool) -> int:
    """Check everything; 1 when something would keep the service from starting or working."""
    findings = [_python()]
    try:
        settings = settings_of(config)
    except SettingsError as exc:
        findings += [Finding(Verdict.FAIL, "settings", problem) for problem in exc.problems]
    else:
        findings.append(Finding(Verdict.OK, "settings", "valid"))
        for check in CHECKS:
            findings += check(settings)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            print(f"{finding.verdict:4}  {finding.what}: {' '.join(finding.detail.split())}")
    return 1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


def _python() -> Finding:
    text = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Finding(Verdict.OK, "python", text)
    return Finding(Verdict.FAIL, "python", f"{text}; use Python 3.11 to 3.13")


def _guarded(what: str, body: Callable[[], str]) -> Finding:
    try:
        return Finding(Verdict.OK, what, body())
    except OutcryError as exc:
        return Finding(Verdict.FAIL, what, str(exc))


def _mode(settings: Settings) -> Iterator[Finding]:
    from outcry.modes import check_mode

    def body() -> str:
        check_mode(settings, os.environ)
        return f"account {settings.account.id}, {settings.account.mode}"

    yield _guarded("mode", body)


def _data_dir(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir

    def body() -> str:
        prepare_data_dir(folder)
        return f"{folder} is writable"

    yield _guarded("data directory", body)
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        detail = f"{free / 1e9:.1f} GB free"
        if free < _TOO_LITTLE_SPACE:
            yield Finding(Verdict.FAIL, "disk", f"{detail}; free some space")
        elif free < _LITTLE_SPACE:
            yield Finding(Verdict.WARN, "disk", f"{detail}; the database grows, free some space")
        else:
            yield Finding(Verdict.OK, "disk", detail)


def _database(settings: Settings) -> Iterator[Finding]:
    from engine.storage.sql import schema

    def body() -> str:
        path = database_file(settings)
        if not path.exists():
            return f"{path} will be made at the first start"
        if schema.is_at_head(settings.database_url):
            return f"{path}, tables {schema.HEAD}"
        return f"{path} has older tables; the next start upgrades them"

    yield _guarded("database", body)


def _latch(settings: Settings) -> Iterator[Finding]:
    from engine.domain.accounts import TradingState
    from engine.domain.ids import AccountId
    from engine.storage.sql.latch import read_latch

    try:
        path = database_file(settings)
        latch = read_latch(path, AccountId(settings.account.id)) if path.exists() else None
    except OutcryError:
        return  # the database's own line tells
    if latch is not None and latch.state is TradingState.HALTED:
        yield Finding(Verdict.WARN, "kill", f"halted by {latch.actor}: {latch.reason}; /rearm ends")


def _market(settings: Settings) -> Iterator[Finding]:
    """Look at what the mode trades on: recorded files, or the exchange and its key."""
    if settings.account.mode is TradingMode.REPLAY:
        yield from _data_files(settings)
    else:
        yield _guarded("exchange", lambda: asyncio.run(_at_exchange(settings)))


async def _at_exchange(settings: Settings) -> str:
    from engine.schedule.live import LiveMarketClock, SystemWallClock
    from outcry.exchange import exchange_market

    wall = SystemWallClock()
    market = await exchange_market(settings, clock=LiveMarketClock(wall), wall=wall)
    try:
        audit = await market.venue.audit()
    finally:
        await market.venue.close()
    facts = (f"lists {', '.join(sorted(market.instruments))}", *audit.notes)
    return f"{settings.venue.exchange} {'; '.join(facts)}"


def _data_files(settings: Settings) -> Iterator[Finding]:
    from outcry.market import check_symbols, recorded_bars

    def body() -> str:
        series = recorded_bars(settings)
        check_symbols(settings, series)
        return ", ".join(
            f"{bars.instrument_id} {bars.timeframe}: {len(bars):,} bars" for bars in series
        )

    yield _guarded("data files", body)


def _strategies(settings: Settings) -> Iterator[Finding]:
    from engine.strategies.registry import Registry

    registry = Registry(settings.strategies.folder)
    for name in sorted({run.strategy for run in settings.runs}):

        def body(name: str = name) -> str:
            return registry.find(name).origin

        yield _guarded(f"strategy {name}", body)
    if not settings.runs:
        yield Finding(Verdict.WARN, "runs", "none is configured; there is nothing to start")


def _port(settings: Settings) -> Iterator[Finding]:
    web = settings.web
    if pid := running_pid(settings.data_dir):
        yield Finding(Verdict.OK, "service", f"running as process {pid}")
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((web.host, web.port))
        except OSError as exc:
            detail = f"{web.host}:{web.port} can't be had ({exc.strerror}); choose another web.port"
            yield Finding(Verdict.FAIL, "port", detail)
        else:
            yield Finding(Verdict.OK, "port", f"{web.host}:{web.port} is free")


def _telegram(settings: Settings) -> Iterator[Finding]:
    telegram = settings.telegram
    if telegram.token is None:
        yield Finding(Verdict.WARN, "telegram", "off: no token; set TELEGRAM_TOKEN")
        return
    if not telegram.operators:
        detail = "telegram.operators names nobody: nobody may command; the bot tells you your id"
        yield Finding(Verdict.WARN, "operators", detail)
    yield asyncio.run(_get_me(telegram.base_url, telegram.token.get_secret_value()))


async def _get_me(base_url: str, token: str) -> Finding:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=_CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{base_url}{token}/getMe") as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        # the exception's text may hold the address, and with it the token
        detail = f"no connection ({type(exc).__name__}); trading works without, alerts wait"
        return Finding(Verdict.WARN, "telegram", detail)
    if status == 200:
        return Finding(Verdict.OK, "telegram", "the bot answers")
    if status in (401, 404):
        detail = "the token is refused; copy it again from BotFather into TELEGRAM_TOKEN"
        return Finding(Verdict.FAIL, "telegram", detail)
    return Finding(Verdict.WARN, "telegram", f"the Bot API server answers with {status}; try again")


def _channels(settings: Settings) -> Iterator[Finding]:
    if settings.email.host:
        yield _reachable("mail", settings.email.host, settings.email.port)
    if settings.push.topic:
        server = urlsplit(settings.push.server)
        port = server.port or (80 if server.scheme == "http" else 443)
        yield _reachable("push", server.hostname or "", port)


def _reachable(what: str, host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as exc:
        reason = exc.strerror or str(exc)
        detail = f"{host}:{port} can't be reached ({reason}); trading works without, alerts wait"
        return Finding(Verdict.WARN, what, detail)
    return Finding(Verdict.OK, what, f"{host}:{port} answers")


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _mode,
    _data_dir,
    _database,
    _latch,
    _market,
    _strategies,
    _port,
    _telegram,
    _channels,
)
