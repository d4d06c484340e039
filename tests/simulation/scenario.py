"""What one seed is about: markets, runs, and how rough the day gets."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from engine.domain.accounts import Account, TradingMode
from engine.domain.bars import Timeframe
from engine.domain.ids import AccountId, AssetId, InstrumentId, RunId
from engine.domain.runs import Run, RunState
from sandbox.exchange.core import Liquidity, Market, linear, spot
from tests.simulation.draws import Draws
from tests.simulation.strategies import Temper, tempered

ACCOUNT = "desk"
ACCOUNT_ID = AccountId(ACCOUNT)
DAY = 86_400.0
_PRICES = {
    "BTC": 60_000,
    "ETH": 3_000,
    "SOL": 150,
    "LTC": 80,
    "BNB": 600,
    "XMR": 160,
    "AVAX": 40,
    "LINK": 15,
    "BCH": 450,
    "AAVE": 250,
    "ATOM": 25,
    "FIL": 20,
    "ICP": 30,
    "ZEC": 70,
}
_LEVEL_VALUE = 3_000  # of the quote: an order of a run takes one or two levels of the book


class Mood(Enum):
    """What the world does to the service."""

    FLAT = auto()  # nothing goes wrong, nobody interferes: a check of the simulation itself
    QUIET = auto()  # ordinary network noise, no crash, nobody interferes
    ROUGH = auto()  # everything at random


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Drawn from a seed.

    Attributes:
        seconds: Virtual seconds before everything is left to settle.
        life_seconds: Mean time between two crashes; 0 for none.
        asked: How many markets were asked for; None: that is drawn as well.
    """

    seed: int
    mood: Mood
    seconds: float
    markets: tuple[Market, ...]
    runs: tuple[Run, ...]
    tempers: dict[RunId, Temper]
    account: Account
    is_linear: bool
    life_seconds: float
    asked: int | None

    @property
    def days(self) -> float:
        """How many days of 1,440 bars of one symbol it is."""
        return len(self.markets) * self.seconds / DAY


def drawn(seed: int, mood: Mood, *, seconds: float = DAY, symbols: int | None = None) -> Scenario:
    """Return the scenario of a seed."""
    draws = Draws(seed)
    draw = draws.fresh("scenario")
    is_linear = draw.random() < 0.6
    count = symbols or draw.choice((10, 14))
    bases = tuple(_PRICES)[:count]
    markets = tuple(_market(base, is_linear=is_linear) for base in bases)
    tempers: dict[RunId, Temper] = {}
    runs: list[Run] = []
    pair = markets[-2:] if count > 3 and draw.random() < 0.5 else ()  # one run decides for both
    for number, market in enumerate(markets):
        if market not in pair:
            runs.append(_run(f"run{number}", (market,)))
    if pair:
        runs.append(_run("pair", pair))
    for run in runs:
        tempers[run.id] = tempered(draw, short=is_linear, may_fail=mood is Mood.ROUGH)
    return Scenario(
        seed=seed,
        mood=mood,
        seconds=seconds,
        markets=markets,
        runs=tuple(runs),
        tempers=tempers,
        account=Account(
            id=ACCOUNT_ID,
            venue="simulated",
            mode=TradingMode.TESTNET,
            reporting=AssetId("USDT"),
            allow_short=is_linear,
        ),
        is_linear=is_linear,
        life_seconds=draw.choice((900.0, 3_600.0, 14_400.0)) if mood is Mood.ROUGH else 0.0,
        asked=symbols,
    )


def _market(base: str, *, is_linear: bool) -> Market:
    price = _PRICES[base]
    size = Decimal(_LEVEL_VALUE) / price
    book = Liquidity(level_size=round(size, 2), minute_volume=round(size * 40, 2))
    make = linear if is_linear else spot
    tick = Decimal("0.1") if price > 1_000 else Decimal("0.01")
    step = Decimal("0.0001") if price > 1_000 else Decimal("0.01")
    return make(
        f"{base}USDT",
        base,
        "USDT",
        tick=tick,
        step=step,
        min_quantity=step,
        start_price=Decimal(price),
        liquidity=book,
    )


def _run(name: str, markets: tuple[Market, ...]) -> Run:
    return Run(
        id=RunId(name),
        name=name,
        strategy="drawn",
        params={},
        account_id=ACCOUNT_ID,
        instrument_ids=tuple(_instrument_id(market) for market in markets),
        timeframe=Timeframe(60),
        capital=Decimal(5_000),
        state=RunState.RUNNING,
    )


def _instrument_id(market: Market) -> InstrumentId:
    name = f"{market.base}/{market.quote}"
    return InstrumentId(name if market.is_spot else f"{name}:{market.settle_asset}")
