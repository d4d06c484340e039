"""A storm from its first life to its calm end, and its verdict."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from time import perf_counter

from sandbox.exchange.core import Act, Exchange, Liquidity, Market, spot
from sandbox.exchange.core.paths import MINUTE_MS
from sandbox.exchange.server import wall_ms
from tests.crash.outside import Outside, served
from tests.crash.playing import status_of
from tests.crash.process import Life, Nursery
from tests.crash.stored import books, glance
from tests.crash.verdict import Away, Findings, instrument_of, judged
from tests.fakes.exchange import ACCOUNT
from tests.simulation.weather import spell

STRATEGIES = Path(__file__).with_name("strategies")
PRICES = {
    "BTC": 50_000,
    "ETH": 3_000,
    "SOL": 150,
    "BNB": 600,
    "XRP": 2,
    "ADA": 1,
    "LTC": 90,
    "LINK": 20,
    "DOT": 5,
    "AVAX": 30,
}
_CAPITAL = 4_000
_CALM_S = 90.0
_LOOK_EVERY_S = 0.25
_STARTS_WITHIN_S = 8.0
_FORGETS_AFTER_MS = 20_000
_CLOCK_OFFSETS_MS = (1_500, -1_500, 5_000, -4_000, 90_000)
# After a storm's end the service still waits for its time-outs and back-offs.
_AFTERMATH_MS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long, from which seed, and how many symbols are traded."""

    seconds: float
    seed: int
    symbols: int = len(PRICES)

    @property
    def hold(self) -> int:
        """Seconds between two changes of mind: a chat takes a message a second."""
        return max(5, min(20, int(self.seconds / 4)))


@dataclass(slots=True)
class Weathered:
    """What a storm brought.

    Attributes:
        asked: How often a person was asked about a difference.
        counts: Lines of the exchange's record by kind, and what was done to the service.
    """

    findings: Findings = field(default_factory=Findings)
    asked: int = 0
    lives: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not self.findings.lines and not self.asked


def markets(count: int = len(PRICES)) -> list[Market]:
    """Return spot markets that move a percent within minutes."""
    return [
        spot(
            f"{base}USDT",
            base,
            "USDT",
            shows_seconds=True,
            start_price=Decimal(price),
            tick=Decimal("0.01") if price >= 50 else Decimal("0.0001"),
            step=Decimal("0.00001") if price >= 1000 else Decimal("0.01"),
            min_quantity=Decimal("0.00001") if price >= 1000 else Decimal("0.01"),
            liquidity=Liquidity(
                points_per_minute=60,
                volatility=0.004,
                level_size=Decimal(1500) / price,
                minute_volume=Decimal(100_000) / price,
                level_gap_ticks=3,
            ),
        )
        for base, price in list(PRICES.items())[:count]
    ]


class Storm:
    """The weather, and a service that is killed now and then."""

    def __init__(self, plan: Plan, world: Outside, nursery: Nursery) -> None:
        self._plan = plan
        self._world = world
        self._nursery = nursery
        self._draw = Random(f"storm:{plan.seed}")
        self._until_ms = world.exchange.now_ms + int((plan.seconds + _STARTS_WITHIN_S) * 1000)
        self._away: list[Away] = []
        self._life: Life | None = None
        self._environ = world.environ(self._settings())
        self.weathered = Weathered()

    def _settings(self) -> dict[str, str]:
        runs = [
            {
                "name": market.base.lower(),
                "strategy": "by_time",
                "params": {
                    "hold": self._plan.hold,
                    "until": self._until_ms // 1000,
                    "seed": self._plan.seed,
                    "rests": number % 2 == 1,
                },
                "symbols": [instrument_of(market).id],
                "timeframe": "1s",
                "capital": _CAPITAL,
                "exit_plan": {"stop": 0.01},
                "start": True,
            }
            for number, market in enumerate(self._world.exchange.markets)
        ]
        return {
            "OUTCRY_RUNS": json.dumps(runs),
            "OUTCRY_STRATEGIES__FOLDER": str(STRATEGIES),
            "OUTCRY_STRATEGIES__WORKERS": "1",
        }

    # --- lives ---------------------------------------------------------------------------------

    async def _begin(self) -> Life:
        self.weathered.lives += 1
        name = f"{self.weathered.lives}"
        log = self._world.folder / f"life-{name}.log"
        self._life = await self._nursery.bear(name, self._environ, log)
        return self._life

    async def _live(self) -> None:
        """Keep a service alive; kill it now and then."""
        while True:
            life = await self._begin()
            lasts = self._draw.uniform(8, max(10, min(90, self._plan.seconds / 2)))
            if lasts * 1000 > self._until_ms - self._world.exchange.now_ms:
                await life.ended()  # that would be its own doing
            else:
                await _within(life.ended(), lasts)
            gone_ms = self._world.exchange.now_ms
            if life.has_ended:
                self.weathered.findings.troubles.append(f"a life ended by itself: {life.status}")
            await life.kill()
            await _within(asyncio.Event().wait(), self._draw.uniform(0, 3))
            self._away.append(Away(gone_ms, self._world.exchange.now_ms))

    # --- weather -------------------------------------------------------------------------------

    async def _weather(self) -> None:
        """Disturb the exchange in spells, with calm ones in between, until the storm is over."""
        exchange = self._world.exchange
        while (left := (self._until_ms - exchange.now_ms) / 1000) > 0:
            await _within(asyncio.Event().wait(), min(left, self._draw.uniform(1, 6)))
            begun_ms = exchange.now_ms
            rules, _, nothing_passes = spell(self._draw)
            exchange.faults.replace(rules)
            self._meddle(exchange)
            lasts = self._draw.uniform(2, 6 if nothing_passes else 15)
            await _within(asyncio.Event().wait(), min(lasts, max(left, 0.1)))
            exchange.faults.clear()
            exchange.clock.clear()
            self._away.append(Away(begun_ms, exchange.now_ms + _AFTERMATH_MS))
            self.weathered.counts["spells"] += 1

    def _meddle(self, exchange: Exchange) -> None:
        """Now and then a clock goes wrong or a price jumps through stops."""
        if self._draw.random() < 0.15:
            offset_ms = self._draw.choice(_CLOCK_OFFSETS_MS)
            exchange.clock.set(exchange.now_ms, offset_ms)
            self.weathered.counts["wrong clocks"] += 1
        if self._draw.random() < 0.3:
            market = self._draw.choice(exchange.markets)
            jump = Decimal(self._draw.choice(("-0.03", "-0.012", "0.012", "0.03")))
            exchange.hands.shock(market.symbol, jump)
            self.weathered.counts["shocks"] += 1

    # --- from beginning to end -----------------------------------------------------------------

    async def rage(self) -> Weathered:
        """Let it storm, let it calm down, and judge."""
        began = perf_counter()
        living = asyncio.ensure_future(self._live())
        try:
            await self._weather()
            trouble = await self._calm()
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            if self._life is not None:
                await self._life.kill()
        await self._judge(trouble)
        self.weathered.seconds = perf_counter() - began
        return self.weathered

    async def _calm(self) -> str:
        """Wait until all is at rest; return what is missing if it never is."""
        deadline = perf_counter() + _CALM_S + self._plan.seconds / 10
        while missing := await self._missing():
            if perf_counter() > deadline:
                return missing
            await asyncio.sleep(_LOOK_EVERY_S)
        return ""

    async def _missing(self) -> str:
        exchange = self._world.exchange
        seen = glance(self._world.data_dir)
        life = self._life
        if life is None or not life.is_ready or seen is None:
            return "no life is ready"
        if seen.asked:
            return f"{seen.asked} differences wait for a person"
        filled = len(exchange.journal.fills(ACCOUNT))
        if seen.fills != filled:
            return f"{seen.fills} fills are booked, the exchange has {filled}"
        if seen.in_flight:
            return f"{seen.in_flight} orders wait for the exchange's word"
        working = len(exchange.history.open_orders(ACCOUNT))
        if working:
            return f"{working} orders still work at the exchange"
        if seen.untold:
            return f"{seen.untold} alerts wait"
        said = await status_of(self._world)
        return "" if said and "connected; all agrees" in said else f"/status says {said}"

    async def _judge(self, trouble: str) -> None:
        world, found = self._world, self.weathered
        kept = await books(world.data_dir)
        told = found.findings.troubles
        found.findings = judged(
            world.exchange, kept, world.chat(), entry_limits={}, away=self._away
        )
        found.findings.troubles += told
        if trouble:
            found.findings.troubles.append(f"it did not come to rest: {trouble}")
        names = Counter(type(event).__name__ for event in kept.events)
        found.asked = names["DifferenceFound"]
        found.counts.update(dict(_counted(world.exchange)))
        found.counts["alerts in the chat"] = len(world.chat())
        lines = [str(entry) for entry in world.exchange.journal]
        (world.folder / "journal.txt").write_text("\n".join(lines))
        (world.folder / "chat.txt").write_text("\n---\n".join(world.chat()))


def _counted(exchange: Exchange) -> Iterable[tuple[str, int]]:
    names = {
        Act.SUBMIT: "orders accepted",
        Act.FILL: "fills",
        Act.CANCEL: "cancels",
        Act.TRIGGER: "stops triggered",
        Act.FAULT: "faults",
    }
    return {name: len(exchange.journal.of(act)) for act, name in names.items()}.items()


async def _within(awaited: object, seconds: float) -> None:
    """Wait for something, but no longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await awaited
    except TimeoutError:
        pass


async def weather_a_storm(plan: Plan, folder: Path) -> Weathered:
    """Open a world in `folder` and let it storm there."""
    os.makedirs(folder / "data", mode=0o700)
    exchange = Exchange(
        markets(plan.symbols),
        seed=plan.seed,
        start_ms=wall_ms() // MINUTE_MS * MINUTE_MS,
        warm_up_minutes=2,
        forget_unfilled_after_ms=_FORGETS_AFTER_MS,
    )
    funds = {"USDT": Decimal(100_000)}
    async with Nursery() as nursery, served(exchange, folder, funds=funds) as world:
        return await Storm(plan, world, nursery).rage()
