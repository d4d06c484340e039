"""One case from its beginning to its verdict; and the recording of the places there are."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from time import perf_counter, time_ns
from typing import Any

from sandbox.exchange.core.faults import Fault as Drawn
from sandbox.exchange.core.kinds import Side
from tests.crash.cases import Case, Fault, Place
from tests.crash.disk import Disk
from tests.crash.hunting import Aim
from tests.crash.life import RECORD, STOP
from tests.crash.outside import OPERATOR, Outside, outside
from tests.crash.process import Life, Nursery
from tests.crash.scenarios import CAPITAL, Scenario, wants_in
from tests.crash.stored import Glance, books, glance
from tests.crash.verdict import Away, Findings, judged
from tests.crash.weather import Weather
from tests.fakes.exchange import ACCOUNT

PATIENCE_S = 25.0
_MINUTES_S = 100.0  # where bars are a minute long
_LOOK_EVERY_S = 0.03
_FULL_FOR_S = 2.0
_ASK_EVERY_S = 0.5
_ACCOUNT_IN_USE = "in use"


class NotAtRest(Exception):
    """The service did not come to rest in time; the text says what was missing."""


@dataclass(slots=True)
class Played:
    """How a run went.

    Attributes:
        case: The one that was met; the one aimed at if none was.
        reached: Whether the first life came to the place.
    """

    case: Case
    findings: Findings
    reached: bool


@dataclass(slots=True)
class Tools:
    """What cases share: where lives are forked, and what puts them on a failing disk."""

    nursery: Nursery
    library: Path | None
    lives: int = 0


@dataclass(slots=True)
class Requests:
    """When the exchange was asked for what; times are `time.time_ns`."""

    asked: list[tuple[int, str]] = field(default_factory=list)

    def before(self, at_ns: int, operation: str) -> int:
        return sum(1 for when, what in self.asked if what == operation and when < at_ns)

    def next(self, at_ns: int) -> str:
        """Return which of an order and a cancel was asked for first from then on."""
        later = (what for when, what in self.asked if when >= at_ns)
        return next((what for what in later if what in {"submit", "cancel"}), "")


class Story:
    """A scenario being played, over as many lives as it takes."""

    def __init__(self, world: Outside, scenario: Scenario, weather: Weather, tools: Tools) -> None:
        self.world = world
        self.scenario = scenario
        self.tools = tools
        self.environ = world.environ(scenario.settings()) | weather.environ()
        world.exchange.faults.add(*weather.rules())
        self.life: Life | None = None
        self.away: list[Away] = []
        self.missing = ""
        self._gone_ms: int | None = None

    # --- lives ---------------------------------------------------------------------------------

    async def begin(self, **more: str) -> Life:
        """Start a life; whoever was there before must be dead."""
        self.tools.lives += 1
        number = self.tools.lives
        if self._gone_ms is not None:
            self.away.append(Away(self._gone_ms, self.world.exchange.now_ms))
            self._gone_ms = None
        log = self.world.folder / f"life-{number}.log"
        self.life = await self.tools.nursery.bear(f"{number}", {**self.environ, **more}, log)
        return self.life

    def gone(self) -> None:
        """From this moment no service is there."""
        if self._gone_ms is None:
            self._gone_ms = self.world.exchange.now_ms

    # --- the story -----------------------------------------------------------------------------

    async def decided(self) -> None:
        """Wait until the first bar was decided on: from then on a change is a change."""
        await self._until(lambda: self._why_not_decided(), None)

    async def play(self, crashed: Callable[[Life], Any] | None = None) -> None:
        """Move the price through the story, at rest in between.

        Args:
            crashed: Awaited when the life stopped itself or has ended; afterwards another lives.

        Raises:
            NotAtRest: It took too long.
        """
        for price in self.scenario.prices:
            self.world.set_price(price)
            await self._until(self._why_not_at_rest, crashed)
        await self._until(self._why_not_over, crashed)

    async def _until(
        self, why_not: Callable[[], str], crashed: Callable[[Life], Any] | None
    ) -> None:
        patience = PATIENCE_S if self.scenario.has_seconds else _MINUTES_S
        deadline = perf_counter() + patience
        while True:
            life = self.life
            assert life is not None
            if life.is_stopped or life.has_ended:
                if crashed is None:
                    raise NotAtRest(f"a life ended by itself, status {life.status}")
                await crashed(life)
                deadline = perf_counter() + patience
                continue
            self.missing = why_not() if life.is_ready else "no life is ready"
            if not self.missing:
                return
            if perf_counter() > deadline:
                raise NotAtRest(self.missing)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _why_not_decided(self) -> str:
        seen = glance(self.world.data_dir)
        return "no bar was decided on" if seen is None or seen.targets == "{}" else ""

    def _why_not_at_rest(self) -> str:
        """Return what is missing until the service has done all it can at the present price."""
        seen = glance(self.world.data_dir)
        if seen is None:
            return "the database can't be read"
        return (
            self._why_not_settled(seen) or self._why_not_standing(seen) or self._why_not_covered()
        )

    def _why_not_settled(self, seen: Glance) -> str:
        filled = len(self.world.exchange.journal.fills(ACCOUNT))
        if seen.fills != filled:
            return f"{seen.fills} fills are booked, the exchange has {filled}"
        if seen.in_flight:
            return f"{seen.in_flight} orders wait for the exchange's word"
        return f"{seen.asked} differences wait for a person" if seen.asked else ""

    def _why_not_standing(self, seen: Glance) -> str:
        price = self.world.price
        if seen.targets == "{}":
            return "no bar was decided on"
        (standing,) = json.loads(seen.targets).values()
        if Decimal(standing["target"]) == int(wants_in(price)):
            return ""
        return f"at {price} the standing target is {standing['target']}"

    def _why_not_covered(self) -> str:
        """A position needs its stop, and where the strategy is out there must be none."""
        held = self.held()
        if held <= self.dust():
            return ""
        if not wants_in(self.world.price):
            return f"{held} is still held"
        covered = self._covered()
        return "" if covered + self.dust() >= held else f"stops cover {covered} of {held}"

    def _why_not_over(self) -> str:
        seen = glance(self.world.data_dir)
        if seen is None:
            return "the database can't be read"
        if self.held() > self.dust():
            return f"{self.held()} is still held"
        working = len(self._working())
        if working:
            return f"{working} orders still work at the exchange"
        return self._why_not_settled(seen) or (f"{seen.untold} alerts wait" if seen.untold else "")

    # --- the exchange's books ------------------------------------------------------------------

    def held(self) -> Decimal:
        """Return what we hold beyond what was there before us."""
        accounts, market = self.world.exchange.accounts, self.world.market
        if market.is_spot:
            return accounts.balance(ACCOUNT, market.base).total - self.scenario.base_held
        return sum((one.quantity for one in accounts.positions(ACCOUNT)), Decimal(0))

    def dust(self) -> Decimal:
        return self.world.market.min_notional / self.world.price

    def _working(self) -> list[Side]:
        """Return the side of each order that works at the exchange."""
        history = self.world.exchange.history
        algos = [one.request.side for one in history.open_algos(ACCOUNT)]
        return [*(one.side for one in history.open_orders(ACCOUNT)), *algos]

    def _covered(self) -> Decimal:
        history = self.world.exchange.history
        orders = [one for one in history.open_orders(ACCOUNT) if one.side is Side.SELL]
        algos = [one.request for one in history.open_algos(ACCOUNT)]
        left = [one.leaves_quantity for one in orders]
        left += [one.quantity or Decimal(0) for one in algos if one.side is Side.SELL]
        return sum(left, Decimal(0))

    def fill_what_rests(self) -> None:
        """Move the price through everything that rests, and back: it fills while nobody is there.

        Back at once, so that no bar closes at a price of which the strategy would decide anew.
        """
        before = self.world.price
        for side in self._working():
            self.world.set_price(Decimal(49_000) if side is Side.SELL else Decimal(50_700))
            self.world.set_price(before)


# --- cases ------------------------------------------------------------------------------------


@asynccontextmanager
async def story(
    scenario: Scenario, weather: Weather, folder: Path, tools: Tools
) -> AsyncIterator[Story]:
    """Open a world in `folder`, which must not be there yet; no life outlives it."""
    os.makedirs(folder)
    funds = {"USDT": Decimal(100_000)}
    if scenario.base_held:
        funds["BTC"] = scenario.base_held
    async with outside(scenario.market(), folder, funds=funds) as world:
        world.data_dir.mkdir(mode=0o700)
        told = Story(world, scenario, weather, tools)
        try:
            yield told
        finally:
            if told.life is not None:
                await told.life.kill()


async def record(scenario: Scenario, weather: Weather, folder: Path, tools: Tools) -> list[Place]:
    """Play a scenario undisturbed; return the places on the path of its orders.

    Raises:
        NotAtRest: It does not come to its end even so.
    """
    async with story(scenario, weather, folder, tools) as told:
        requests = _listened(told.world)
        places = folder / "places"
        life = await told.begin(**{RECORD: str(places)})
        await told.decided()
        life.send(signal.SIGUSR1)
        armed_ns = time_ns()
        await told.play()
        lines = [line.split("\t", 1) for line in places.read_text().splitlines()]
    requests.asked = [one for one in requests.asked if one[0] >= armed_ns]
    return [
        Place(
            scenario=scenario.name,
            name=name,
            submits=requests.before(int(at), "submit"),
            cancels=requests.before(int(at), "cancel"),
            asked_next=requests.next(int(at)),
            weather=weather,
        )
        for at, name in lines
    ]


def _listened(world: Outside) -> Requests:
    """Note every request that the exchange's fault script is asked about."""
    requests, faults = Requests(), world.exchange.faults
    draw = faults.draw

    def noted(operation: str, symbol: str = "", account: str = "") -> Drawn | None:
        requests.asked.append((time_ns(), operation))
        return draw(operation, symbol, account)

    faults.draw = noted
    return requests


async def play(aim: Aim, scenario: Scenario, folder: Path, tools: Tools) -> Played:
    """Play a story, and the case that is met in it, to the verdict."""
    async with story(scenario, aim.case.place.weather, folder, tools) as told:
        crash = Crash(aim, told, folder)
        troubles: list[str] = []
        try:
            await crash.first_life()
            await told.play(crash.happened)
            troubles += await _asked_status(told)
        except NotAtRest as exc:
            troubles.append(f"it did not come to rest: {exc}")
        assert told.life is not None
        await told.life.kill()
        findings = judged(
            told.world.exchange,
            await books(told.world.data_dir),
            told.world.chat(),
            entry_limits={told.world.market.symbol: Decimal(CAPITAL) / 50_000},
            away=told.away,
        )
        findings.troubles += troubles + crash.troubles
        _write_down(told, folder)
    return Played(crash.case, findings, crash.reached)


def _write_down(told: Story, folder: Path) -> None:
    """Keep the records for whoever looks into the case."""
    lines = [str(entry) for entry in told.world.exchange.journal]
    (folder / "journal.txt").write_text("\n".join(lines))
    (folder / "chat.txt").write_text("\n---\n".join(told.world.chat()))


async def _asked_status(told: Story) -> list[str]:
    """Ask as a person would, again while streams are coming up: nothing may be in doubt."""
    deadline = perf_counter() + PATIENCE_S
    while True:
        said = await status_of(told.world)
        if said is None:
            return ["/status was not answered"]
        if "connected; all agrees" in said:
            return []
        if perf_counter() > deadline:
            return [f"/status says: {said}"]
        await asyncio.sleep(_ASK_EVERY_S)


async def status_of(world: Outside) -> str | None:
    """Ask for the status in the chat; None where no answer comes."""
    box = world.box
    sent = box.send_text("/status", user_id=OPERATOR)

    def answer() -> str | None:
        replies = box.replies(OPERATOR, after=sent.message_id)
        texts = [str(reply.get("text") or "") for reply in replies]
        return next((text for text in texts if "Status" in text), None)

    try:
        return await box.wait_for(answer, timeout=10)
    except TimeoutError:
        return None


class Crash:
    """The end of the first life, and what the fault makes of it."""

    def __init__(self, aim: Aim, told: Story, folder: Path) -> None:
        self.case = aim.case
        self._wanted = aim.wanted
        self._stop_at = folder / "stop-at"
        self._told = told
        self._disk: Disk | None = None
        if self.case.fault.needs_disk:
            library = told.tools.library
            assert library is not None
            self._disk = Disk(library, told.world.data_dir, folder / "disk")
            told.environ |= self._disk.environment()
        self.reached = False
        self.troubles: list[str] = []

    async def first_life(self) -> None:
        """Start the life that will end at one of the places, and let places count."""
        self._stop_at.write_text("\n".join(self._wanted))
        life = await self._told.begin(**{STOP: str(self._stop_at)})
        await self._told.decided()
        self.case.befall(self._told.world.exchange.faults)
        life.send(signal.SIGUSR1)

    async def happened(self, life: Life) -> None:
        """The life stopped at a place, or ended: do what the fault wants, and live again."""
        if life.is_stopped and not self.reached:
            self.reached = True
            self.case = self._wanted[self._stop_at.read_text()]
            await self._end(life)
        elif life.has_ended:
            self.troubles.append(f"a life ended by itself, status {life.status}: {_last(life)}")
        self._told.gone()
        await self._told.begin()

    async def _end(self, life: Life) -> None:
        told, fault = self._told, self.case.fault
        told.gone()
        if fault is Fault.DISK_FULL and self._disk is not None:
            await self._fill_disk(life, self._disk)
        elif fault is Fault.SECOND_INSTANCE:
            await self._start_another(life)
        await life.kill()
        if fault is Fault.POWER_CUT and self._disk is not None:
            self._disk.cut_power(self.case.seed)
        elif fault is Fault.FILLS_WHILE_DOWN:
            told.fill_what_rests()

    async def _fill_disk(self, life: Life, disk: Disk) -> None:
        disk.set_full(True)
        life.go_on()
        try:
            async with asyncio.timeout(_FULL_FOR_S):
                await life.ended()
        except TimeoutError:
            pass  # it holds out: it is killed
        await life.kill()
        disk.set_full(False)

    async def _start_another(self, first: Life) -> None:
        """A second start must refuse in one line that names the first."""
        second = await self._told.begin()
        status = await second.ended()
        said = [line for line in second.said().splitlines() if line.startswith("outcry: ")]
        if status == 0 or len(said) != 1 or str(first.pid) not in said[0]:
            self.troubles.append(f"a second instance ended with {status} and said {said}")
        self._told.life = first


def _last(life: Life) -> str:
    lines = life.said().splitlines()
    return lines[-1] if lines else "it said nothing"
