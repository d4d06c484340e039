"""Where `outcry data fetch` gets bars from: an exchange's public history."""

from config.settings import Settings
from engine.domain.ids import InstrumentId
from engine.errors import ConfigError, UnknownInstrument, VenueUnavailable
from engine.ports import HistorySource
from engine.schedule.live import SystemWallClock
from engine.venues.ccxt.backoff import system_draw
from engine.venues.ccxt.recorded import open_history
from engine.venues.ccxt.settings import CcxtSettings, MarketKind
from outcry.exchange import public_settings


async def open_source(
    venue: str, symbols: tuple[InstrumentId, ...], settings: Settings
) -> HistorySource:
    """Connect to an exchange, without a key.

    Raises:
        ConfigError: There is no such exchange, or it does not list a symbol.
        VenueUnavailable: It can't be reached.
    """
    try:
        return await open_history(
            described(venue, symbols, settings), SystemWallClock(), system_draw()
        )
    except UnknownInstrument as exc:
        raise ConfigError(
            exc.user_message.replace("Nothing was started", "Nothing was fetched")
        ) from exc
    except VenueUnavailable as exc:
        what, _, _ = exc.user_message.partition(". ")
        raise VenueUnavailable(
            f"{what}. Nothing was fetched. Check the network and run the command again"
        ) from exc


def described(venue: str, symbols: tuple[InstrumentId, ...], settings: Settings) -> CcxtSettings:
    """Describe the exchange to the adapter.

    Raises:
        ConfigError: Spot and perpetual symbols are mixed: they are two markets of an exchange.
    """
    kinds = {_kind(symbol) for symbol in symbols}
    if len(kinds) > 1:
        raise ConfigError(
            "SYMBOL: spot symbols (BTC/USDT) and perpetuals (BTC/USDT:USDT) are two markets; "
            "fetch them by two commands"
        )
    return public_settings(settings, venue, kinds.pop(), symbols)


def _kind(symbol: InstrumentId) -> MarketKind:
    return MarketKind.LINEAR if ":" in symbol else MarketKind.SPOT
