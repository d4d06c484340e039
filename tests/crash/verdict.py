"""The verdict on a case, from the exchange's own record and from what arrived in the chat."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from engine.domain.accounts import Account, TradingMode
from engine.domain.ids import AccountId, AssetId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.ledger import Ledger
from engine.domain.messages import Event
from engine.domain.money import exact
from notifiers.routing import DEFAULT_ROUTES, channels_for, severity_of
from render.alerts import alert_of, chat_html
from render.format import price, quantity
from render.html import visible_text
from sandbox.exchange.core import Exchange, Market
from sandbox.exchange.core.journal import Entry
from sandbox.exchange.core.kinds import Side
from sandbox.exchange.core.protection import Gap, unprotected
from tests.crash.outside import ACCOUNT_ID
from tests.crash.stored import Books
from tests.fakes.exchange import ACCOUNT

BEARABLE_MS = 5_000
_ZERO = Decimal(0)
_TELEGRAM = "telegram"


@dataclass(slots=True)
class Findings:
    """What was wrong, in words; one line each. The counts of `make crashtest` are their lengths.

    Attributes:
        unprotected_ms: The longest time that a position stood without its stop, on the
            exchange's clock, while a service was there to place one.
        troubles: What else was not as it must be: it did not come to rest, and the like.
    """

    duplicates: list[str] = field(default_factory=list)
    lost_fills: list[str] = field(default_factory=list)
    lost_alerts: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    unprotected_ms: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Everything that was wrong, each with its kind."""
        named = (
            ("duplicate order", self.duplicates),
            ("lost fill", self.lost_fills),
            ("lost alert", self.lost_alerts),
            ("ledger difference", self.ledger),
            ("trouble", self.troubles),
        )
        lines = [f"{kind}: {text}" for kind, texts in named for text in texts]
        if self.unprotected_ms > BEARABLE_MS:
            lines.append(f"unprotected for {self.unprotected_ms / 1000:.1f} s")
        return lines


@dataclass(frozen=True, slots=True)
class Away:
    """A time in which no service was there, by the exchange's clock, milliseconds UTC."""

    from_ms: int
    until_ms: int


def judged(
    exchange: Exchange,
    books: Books,
    chat: Sequence[str],
    *,
    entry_limits: Mapping[str, Decimal],
    away: Sequence[Away],
) -> Findings:
    """Hold everything against the exchange's own record.

    Args:
        entry_limits: By the exchange's symbol: how much the decisions could buy in all. A symbol
            that is not named may be bought more than once.
    """
    found = Findings()
    markets = exchange.markets
    found.duplicates += _accepted_twice(exchange)
    for market in markets:
        found.duplicates += _bought_twice(exchange, market, entry_limits.get(market.symbol))
        found.unprotected_ms = max(found.unprotected_ms, longest_gap(exchange, market, away))
    found.lost_fills += _fills(exchange, books)
    found.lost_alerts += _fill_alerts(exchange, chat) + _other_alerts(books.events, chat)
    found.ledger += _ledger(exchange, books)
    return found


def instrument_of(market: Market) -> Instrument:
    """Return our instrument of one of the exchange's markets."""
    linear = not market.is_spot
    name = f"{market.base}/{market.quote}{f':{market.settle_asset}' if linear else ''}"
    return Instrument(
        id=InstrumentId(name),
        kind=InstrumentKind.LINEAR if linear else InstrumentKind.SPOT,
        base=AssetId(market.base),
        quote=AssetId(market.quote),
        settlement=AssetId(market.settle_asset),
        price_increment=market.tick,
        quantity_increment=market.step,
        min_quantity=market.min_quantity,
        min_notional=market.min_notional,
        multiplier=market.contract_size,
    )


# --- orders -----------------------------------------------------------------------------------


def _accepted_twice(exchange: Exchange) -> list[str]:
    twice = exchange.journal.duplicates(ACCOUNT)
    return [f"{name} was accepted {len(lines)} times" for name, lines in twice.items()]


def _bought_twice(exchange: Exchange, market: Market, limit: Decimal | None) -> list[str]:
    """More entries were accepted than were decided, or more was sold than was bought."""
    accepted = [
        entry
        for entry in exchange.journal.accepted(ACCOUNT)
        if entry.symbol == market.symbol and entry.note != "trigger"
    ]
    bought = sum((_size(entry) for entry in accepted if entry.side == Side.BUY), _ZERO)
    fills = exchange.journal.fills(ACCOUNT, market.symbol)
    net = sum((_size(fill) if fill.side == Side.BUY else -_size(fill) for fill in fills), _ZERO)
    found = []
    if limit is not None and bought > limit:
        found.append(f"{market.symbol}: entries for {bought} were accepted, {limit} were decided")
    if net < 0:
        found.append(f"{market.symbol}: {-net} more was sold than bought")
    return found


def _size(entry: Entry) -> Decimal:
    return entry.quantity or _ZERO


# --- fills ------------------------------------------------------------------------------------


def _fills(exchange: Exchange, books: Books) -> list[str]:
    theirs = {
        (fill.symbol, str(fill.order_id), str(fill.trade_id)): fill
        for fill in exchange.journal.fills(ACCOUNT)
    }
    symbols = {instrument_of(market).id: market.symbol for market in exchange.markets}
    ours = Counter(
        (symbols.get(entry.instrument_id or InstrumentId("")), str(entry.venue_order_id), trade)
        for entry in books.entries
        if (trade := entry.trade_id) is not None
    )
    lost = [f"{key} is not booked" for key in theirs if not ours[key]]
    more = [f"{key} is booked {times} times" for key, times in ours.items() if times > 1]
    made_up = [f"{key} is booked, the exchange has none such" for key in ours if key not in theirs]
    return lost + more + made_up


# --- alerts -----------------------------------------------------------------------------------


def _fill_alerts(exchange: Exchange, chat: Sequence[str]) -> list[str]:
    names = {market.symbol: instrument_of(market).id for market in exchange.markets}
    wanted = Counter(
        f"{quantity(_size(fill))} {names[fill.symbol]} @ {price(fill.price or _ZERO)}"
        for fill in exchange.journal.fills(ACCOUNT)
    )
    return [
        f"{count} fills of {text}, told {told} times"
        for text, count in wanted.items()
        if (told := sum(text in message for message in chat)) < count
    ]


def _other_alerts(events: Iterable[Event], chat: Sequence[str]) -> list[str]:
    """Every stored event that goes to the chat must have arrived there, word for word."""
    wanted = Counter(
        _words(event) for event in events if _TELEGRAM in channels_for(event, DEFAULT_ROUTES)
    )
    return [
        f"{text.splitlines()[0]!r} was stored {count} times, told {told} times"
        for text, count in wanted.items()
        if (told := sum(_same(text, message) for message in chat)) < count
    ]


def _words(event: Event) -> str:
    return visible_text(chat_html(alert_of(event), severity_of(event)))


def _same(text: str, message: str) -> bool:
    return message.startswith(text.strip())


# --- money ------------------------------------------------------------------------------------


def _ledger(exchange: Exchange, books: Books) -> list[str]:
    instruments = {one.id: one for one in map(instrument_of, exchange.markets)}
    account = Account(
        id=AccountId(ACCOUNT_ID),
        venue="binance",
        mode=TradingMode.TESTNET,
        reporting=AssetId("USDT"),
    )
    ledger = Ledger.replay(account, instruments, books.entries)
    is_spot = exchange.markets[0].is_spot
    theirs = {
        balance.asset: balance.total
        for balance in exchange.accounts.balances(ACCOUNT, exchange.markets[0].wallet)
    }
    ours = dict(ledger.balances() if is_spot else ledger.cash())
    found: list[str] = []
    if not is_spot:
        found += _positions(exchange, ledger, theirs)
    for asset in sorted({*theirs, *ours}):
        a, b = ours.get(AssetId(asset), _ZERO), theirs.get(asset, _ZERO)
        if a != b:
            found.append(f"{asset}: the ledger has {a}, the exchange {b}")
    return found


def _positions(exchange: Exchange, ledger: Ledger, cash: dict[str, Decimal]) -> list[str]:
    """Compare the nets; what open positions cost is taken from the exchange's cash."""
    held = {position.symbol: position for position in exchange.accounts.positions(ACCOUNT)}
    found = []
    for market in exchange.markets:
        position = held.get(market.symbol)
        theirs = _ZERO if position is None else position.quantity
        ours = ledger.net_quantity(instrument_of(market).id)
        if ours != theirs:
            found.append(f"{market.symbol}: the books hold {ours}, the exchange {theirs}")
        if position is not None:
            with exact():
                cash[market.settle_asset] -= position.entry_value
    return found


# --- protection -------------------------------------------------------------------------------


def longest_gap(exchange: Exchange, market: Market, away: Sequence[Away]) -> int:
    """Return the longest time without a stop, in ms, less what no service was there for."""
    gaps = unprotected(
        exchange.journal,
        ACCOUNT,
        market.symbol,
        exchange.now_ms,
        base=market.base if market.is_spot else "",
        dust=market.min_notional / exchange.data.last_price(market.symbol),
        step=market.step,
    )
    return max((_attended(gap, away) for gap in gaps), default=0)


def _attended(gap: Gap, away: Sequence[Away]) -> int:
    absent = sum(
        max(0, min(gap.until_ms, time.until_ms) - max(gap.from_ms, time.from_ms)) for time in away
    )
    return gap.ms - absent
