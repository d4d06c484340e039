"""The exchange behind paper, testnet, shadow and live, from the settings.

ccxt is loaded by what is called here, and only then.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from config.settings import PaperSettings, Settings
from engine.domain.accounts import TradingMode
from engine.domain.ids import AccountId, AssetId, InstrumentId
from engine.errors import ConfigError, TradingError, UnknownInstrument
from engine.ports import Clock, Venue, WallClock
from engine.venues.bookstore import SqliteBookStore
from engine.venues.ccxt.marketdata import open_market_data
from engine.venues.ccxt.settings import (
    CcxtSettings,
    Credentials,
    Environment,
    KeyPolicy,
    MarginMode,
    MarketKind,
    Terms,
)
from engine.venues.ccxt.venue import open_venue
from engine.venues.models import FeeModel, FillModels, LatencyModel
from engine.venues.paper.venue import PaperVenue
from engine.venues.shadow import ShadowVenue
from outcry.places import MARKETS, PAPER_BOOKS
from outcry.trading import Market

_NOTES = {
    TradingMode.PAPER: "Paper: live prices of {name}, no real money.",
    TradingMode.TESTNET: "Test network of {name}, no real money.",
    TradingMode.SHADOW: "Shadow on {name}: decisions are logged, nothing is sent.",
    TradingMode.LIVE: "",
}


async def exchange_market(settings: Settings, *, clock: Clock, wall: WallClock) -> Market:
    """Connect to the exchange that the settings name and read what it lists of our symbols.

    Raises:
        ConfigError: There is no such exchange, or it does not list a symbol.
        VenueUnavailable: It can't be reached, and no list of markets is stored.
    """
    mode = settings.account.mode
    described = ccxt_settings(settings, symbols_of(settings))
    venue: Venue
    if mode is TradingMode.PAPER:
        venue = await _paper(settings, described, clock=clock, wall=wall)
    else:
        venue = await open_venue(described, AccountId(settings.account.id), wall)
    if mode is TradingMode.SHADOW:
        venue = ShadowVenue(venue, clock)
    try:
        listed = {instrument.id: instrument for instrument in await venue.instruments()}
    except TradingError as exc:
        await venue.close()
        if isinstance(exc, UnknownInstrument):
            raise ConfigError(f"runs.symbols: {exc}") from exc
        raise
    note = _NOTES[mode].format(name=settings.venue.exchange)
    return Market(venue=venue, instruments=listed, note=note)


def symbols_of(settings: Settings) -> tuple[InstrumentId, ...]:
    """Return what the runs trade, each once."""
    every = (symbol for run in settings.runs for symbol in run.symbols)
    return tuple(InstrumentId(symbol) for symbol in dict.fromkeys(every))


def public_settings(
    settings: Settings, exchange: str, market: MarketKind, symbols: tuple[InstrumentId, ...]
) -> CcxtSettings:
    """Describe an exchange without a key: own addresses only where the settings are of it."""
    given = settings.venue
    return CcxtSettings(
        name=exchange,
        exchange=exchange,
        market=market,
        instruments=symbols,
        urls=given.urls if given.exchange == exchange else {},
        timeout=timedelta(seconds=given.timeout_seconds),
        cache=settings.data_dir / MARKETS,
        cache_age=timedelta(hours=given.markets_max_age_hours),
    )


def ccxt_settings(settings: Settings, symbols: tuple[InstrumentId, ...]) -> CcxtSettings:
    """Describe the exchange of the settings to the adapter, as the mode needs it."""
    given = settings.venue
    public = public_settings(settings, given.exchange, MarketKind(given.market), symbols)
    without_key = settings.account.mode is TradingMode.PAPER
    return replace(
        public,
        rate_assets=frozenset({AssetId(settings.account.reporting)}),
        environment=_environment(settings),
        credentials=None if without_key else _credentials(settings),
        terms=Terms(
            leverage=Decimal(given.leverage),
            margin_mode=MarginMode(given.margin_mode),
            hedged=False,
        ),
        key_policy=_key_policy(settings),
        validity_ms=given.validity_ms,
    )


def _environment(settings: Settings) -> Environment:
    """A test network, or demo trading where an exchange's test network is gone.

    Own addresses are another server altogether: there the exchange's own words are spoken.
    """
    if settings.account.mode is not TradingMode.TESTNET or settings.venue.urls:
        return Environment.LIVE
    return Environment.DEMO if settings.venue.demo else Environment.SANDBOX


def _credentials(settings: Settings) -> Credentials | None:
    given = settings.venue
    if given.key is None or given.secret is None:
        return None
    return Credentials(
        api_key=given.key.get_secret_value(),
        secret=given.secret.get_secret_value(),
        password="" if given.passphrase is None else given.passphrase.get_secret_value(),
    )


def _key_policy(settings: Settings) -> KeyPolicy:
    """The third key of the live gate: an API key that may not withdraw."""
    if settings.account.mode is not TradingMode.LIVE:
        return KeyPolicy.REPORTED
    return KeyPolicy.NOT_KNOWN_TO_WITHDRAW if settings.venue.unaudited_key else KeyPolicy.PROVEN


async def _paper(
    settings: Settings, described: CcxtSettings, *, clock: Clock, wall: WallClock
) -> PaperVenue:
    account = settings.account
    return PaperVenue(
        data=await open_market_data(described, wall),
        source=settings.venue.exchange,
        symbols=described.instruments,
        account_id=AccountId(account.id),
        clock=clock,
        wall=wall,
        opening_balances={AssetId(name): cash for name, cash in account.opening_cash.items()},
        store=SqliteBookStore(settings.data_dir / PAPER_BOOKS),
        models=_models(settings.paper),
        seed=settings.paper.seed,
    )


def _models(paper: PaperSettings) -> FillModels:
    return FillModels(
        fees=FeeModel(maker=paper.fees.maker, taker=paper.fees.taker),
        latency=LatencyModel(delay=timedelta(milliseconds=paper.latency_ms)),
        leverage=paper.leverage,
    )
