"""Real processes for fault tests: each runs one function of this module by name.

python -m tests.integration.storage.processes NAME ARGUMENT...
"""

import asyncio
import concurrent.futures.thread  # noqa: F401 - a user without rights may not read the library
import os
import resource
import sys
from pathlib import Path

from engine.domain.accounts import Latch, TradingState
from engine.errors import AccountInUse, StorageError
from engine.schedule.live import SystemWallClock
from engine.storage.sql.latch import write_latch
from engine.storage.sql.lock import AccountLock
from engine.storage.sql.schema import upgrade
from engine.storage.sql.storage import SqlStorage
from tests.fakes.records import ACCOUNT, NOON, entry, event, order, run

NOBODY = 65534


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def url_of(path: str) -> str:
    return f"sqlite+aiosqlite:///{path}"


def book(path: str) -> None:
    """Commit an entry, its event and its order again and again; say each number once durable."""

    async def commit_for_ever() -> None:
        async with SqlStorage(url_of(path)) as storage:
            number = 0
            while True:
                number += 1
                async with storage.unit_of_work() as uow:
                    await uow.entries.add(entry(number))
                    await uow.orders.save(order(number, message="x" * 5000))
                    await uow.events.add(event(number))
                    await uow.runs.save(run(code_hash=str(number)))
                    await uow.commit()
                say(str(number))

    asyncio.run(commit_for_ever())


def hold_account(path: str) -> None:
    """Own the account until killed, or say who does."""
    try:
        with AccountLock(path, ACCOUNT, clock=SystemWallClock()):
            say("owned")
            sys.stdin.read()
    except AccountInUse as exc:
        say(str(exc))


def open_as_nobody(path: str) -> None:
    """Open, read and write without the rights of a superuser; say what is answered."""
    if os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    async def read_and_write() -> None:
        async with SqlStorage(url_of(path)) as storage, storage.unit_of_work() as uow:
            await uow.orders.open(ACCOUNT)
            await uow.entries.add(entry(1))
            await uow.commit()

    for attempt in (lambda: asyncio.run(read_and_write()), lambda: upgrade(url_of(path + ".new"))):
        try:
            attempt()
            say("done")
        except StorageError as exc:
            say(str(exc))
    try:
        with AccountLock(path, ACCOUNT, clock=SystemWallClock()):
            say("done")
    except StorageError as exc:
        say(str(exc))
    try:
        latch = Latch(
            account_id=ACCOUNT, state=TradingState.HALTED, reason="", actor="cli", since=NOON
        )
        say(f"latched {write_latch(path, latch)}")
    except StorageError as exc:
        say(str(exc))


def fill_up(path: str, limit: str) -> None:
    """Write until there is no room (a limit of 0: the disk's own), say how far it came and why."""
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))

    async def write() -> None:
        number = 0
        async with SqlStorage(url_of(path)) as storage:
            try:
                while True:
                    async with storage.unit_of_work() as uow:
                        await uow.entries.add(entry(number + 1))
                        await uow.orders.save(order(number + 1, message="x" * 20_000))
                        await uow.commit()
                    number += 1
            except StorageError as exc:
                say(str(number))
                say(str(exc))
            async with storage.unit_of_work() as uow:  # it still reads what is there
                say(str(len(await uow.entries.all(ACCOUNT))))

    asyncio.run(write())


def main() -> None:
    name, *arguments = sys.argv[1:]
    actions = (book, hold_account, open_as_nobody, fill_up)
    {action.__name__: action for action in actions}[name](*arguments)


def command(name: str, *arguments: object) -> list[str]:
    """Return the command line that runs `name` of this module."""
    return [sys.executable, "-m", __name__, name, *(str(each) for each in arguments)]


ROOT = Path(__file__).parents[3]

if __name__ == "__main__":
    main()
