"""The poll and its offsets, against a server that is a list of answers."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec
import pytest

from bot.telegram.auth import Action, Gatekeeper
from bot.telegram.condition import Condition
from bot.telegram.facts import FactReporter
from bot.telegram.intake import Intake, Judged, Sources
from bot.telegram.lanes import Lanes
from bot.telegram.settings import Operator, TelegramSettings
from bot.telegram.tasks import TaskPool
from bot.telegram.transport import AiohttpRequest, RawAnswer, is_loopback, retry_after
from engine.bus.inprocess import InProcessBus
from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId
from engine.domain.messages import Role
from engine.storage.memory import MemoryStorage
from tests.fakes.clocks import FakeWallClock

ALEX = 1001
SETTINGS = TelegramSettings(token="1:x", operators=(Operator(id=ALEX, role=Role.ADMIN),))


def typed(update_id: int, user: int = ALEX, text: str = "/status") -> dict[str, Any]:
    return {
        "update_id": update_id,
        "message": {
            "message_id": 1,
            "date": 1_767_614_400,
            "from": {"id": user, "is_bot": False},
            "chat": {"id": user, "type": "private"},
            "text": text,
        },
    }


class ScriptedServer:
    """Answers polls from a list, then waits for ever; keeps what was asked."""

    def __init__(
        self, answers: Iterable[tuple[int, object]], clock: FakeWallClock, a_poll_takes: float
    ) -> None:
        self._answers = list(answers)
        self._clock = clock
        self._a_poll_takes = a_poll_takes
        self.asked: list[Mapping[str, str]] = []
        self.exhausted = asyncio.Event()

    async def fetch(
        self, method: str, url: str, data: Mapping[str, str], *, read_seconds: float
    ) -> RawAnswer:
        self.asked.append(dict(data))
        if not self._answers:
            self.exhausted.set()
            await asyncio.Event().wait()
        status, body = self._answers.pop(0)
        if self.asked[1:]:
            await self._clock.advance(self._a_poll_takes)
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return RawAnswer(status=status, body=raw)


class Taken:
    """A consumer that remembers."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[int], bool]] = []
        self.actions: list[Action] = []

    def kill(self, batch: Sequence[Judged]) -> None:
        raise AssertionError("nothing was wrong with the storage")

    def take(self, batch: Sequence[Judged], *, last: bool) -> None:
        self.batches.append(([judged.update.update_id for judged in batch], last))
        self.actions.extend(judged.verdict.action for judged in batch)


def good(*updates: object) -> tuple[int, object]:
    return 200, {"ok": True, "result": list(updates)}


async def poll(
    *answers: tuple[int, object],
    storage: MemoryStorage | None = None,
    clock: FakeWallClock | None = None,
    a_poll_takes: float = 0.0,
) -> tuple[ScriptedServer, Taken, MemoryStorage]:
    """Run the intake until the script is used up."""
    clock, storage = clock or FakeWallClock(), storage or MemoryStorage()
    server, taken = ScriptedServer(answers, clock, a_poll_takes), Taken()
    facts = FactReporter(
        storage.unit_of_work,
        InProcessBus(),
        account_id=AccountId("demo"),
        mode=TradingMode.REPLAY,
        market=clock,
        wall=clock,
    )
    sources = Sources(
        request=cast(AiohttpRequest, server),
        address="http://server/getUpdates",
        unit_of_work=storage.unit_of_work,
        wall=clock,
        gate=Gatekeeper(SETTINGS),
        condition=Condition(clock),
        facts=facts,
        jitter=lambda: 1.0,
    )
    task = asyncio.create_task(Intake(SETTINGS, sources, taken).run())
    while not server.exhausted.is_set():
        await clock.advance(100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return server, taken, storage


async def test_only_the_kinds_that_are_obeyed_are_asked_for() -> None:
    server, _, _ = await poll()
    assert server.asked[0]["allowed_updates"] == '["message","callback_query","my_chat_member"]'
    assert server.asked[0]["timeout"] == "0"


async def test_the_offset_follows_what_was_stored() -> None:
    server, taken, storage = await poll(good(typed(7), typed(8)), good(typed(9)))
    assert [asked.get("offset") for asked in server.asked] == [None, "9", "10"]
    assert taken.batches == [([7, 8], True), ([9], True)]
    assert sorted(storage.tables.inbox) == [7, 8, 9]


async def test_a_full_batch_says_that_more_is_queued() -> None:
    full = good(*(typed(number) for number in range(1, 101)))
    server, taken, _ = await poll(full, full, good(typed(101)))
    assert [last for _, last in taken.batches] == [False, False, True]
    assert [asked["timeout"] for asked in server.asked] == ["0", "0", "0", "25"]


@pytest.mark.parametrize("then", [(200, {"ok": True, "result": []}), (500, b"")])
async def test_a_full_batch_that_was_the_last_holds_nothing_up(then: tuple[int, object]) -> None:
    _, taken, _ = await poll(good(*(typed(number) for number in range(1, 101))), then)
    assert [(len(ids), last) for ids, last in taken.batches] == [(100, False), (0, True)]


async def test_an_update_known_from_before_is_not_taken_again() -> None:
    storage = MemoryStorage()
    await poll(good(typed(7)), storage=storage)
    async with storage.unit_of_work() as uow:
        await uow.inbox.finish(7, "done")
        await uow.commit()
    server, taken, _ = await poll(good(typed(7), typed(8)), storage=storage)
    assert taken.batches[-1] == ([8], True)
    assert server.asked[1]["offset"] == "9"


async def test_odd_updates_move_the_offset_and_harm_nothing() -> None:
    odd = {"update_id": 5, "message": "no object"}
    _, taken, storage = await poll(good(odd, {"no": "number"}, typed(6)))
    assert taken.actions == [Action.IGNORE, Action.OBEY]
    assert storage.tables.inbox[5].state == "refused"


async def test_a_strangers_text_is_not_kept() -> None:
    _, _, storage = await poll(good(typed(5, user=6666, text="my secret")))
    row = storage.tables.inbox[5]
    assert (row.state, row.body, row.actor_id) == ("refused", b"", 6666)


async def test_odd_answers_are_survived() -> None:
    answers = [(200, b""), (200, b"<html>"), (200, {"ok": False}), (200, {"ok": True, "result": 3})]
    more = [(500, b"x"), (502, b""), (404, b"nothing"), (429, b"{}")]
    _, taken, _ = await poll(*answers, *more, good(typed(1)))
    assert taken.batches == [([1], True)]


async def test_after_a_silent_week_the_offset_is_forgotten() -> None:
    # Telegram then numbers updates anew, perhaps lower: an old offset would make us deaf.
    clock = FakeWallClock()
    server, _, _ = await poll(good(typed(900)), good(), good(), clock=clock, a_poll_takes=300_000)
    assert [asked.get("offset") for asked in server.asked] == [None, "901", "901", None]


def test_how_long_to_wait_is_read_from_a_429() -> None:
    body = b'{"ok":false,"error_code":429,"parameters":{"retry_after":7}}'
    assert [retry_after(text) for text in (body, b"{}", b"odd")] == [7.0, 1.0, 1.0]


def test_a_proxy_is_not_asked_for_our_own_machine() -> None:
    assert is_loopback("http://127.0.0.1:8081/bot")
    assert is_loopback("http://[::1]:8081/bot")
    assert is_loopback("http://localhost/bot")
    assert not is_loopback("https://api.telegram.org/bot")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_lane_keeps_order_and_waits_for_a_hanging_job_a_moment_only() -> None:
    pool, done = TaskPool("test"), []
    lanes = Lanes(pool, patience=0.01, depth=3)

    async def hang() -> None:
        await asyncio.Event().wait()

    async def note(name: str) -> None:
        done.append(name)

    assert lanes.submit(1, hang)
    assert lanes.submit(1, lambda: note("a"))
    assert lanes.submit(2, lambda: note("other"))
    assert lanes.submit(1, lambda: note("b"))
    await until(lambda: len(done) == 3)
    assert done == ["other", "a", "b"]
    await pool.close()


async def test_a_full_lane_says_no_except_to_what_must_not_wait() -> None:
    pool, done = TaskPool("test"), []
    lanes = Lanes(pool, patience=5, depth=1)

    async def note(name: str) -> None:
        done.append(name)

    taken = [lanes.submit(1, lambda name=name: note(name)) for name in "abc"]
    assert lanes.submit(1, lambda: note("kill"), always=True)
    await until(lambda: not len(pool))
    assert taken == [True, False, False]
    assert done == ["a", "kill"]
