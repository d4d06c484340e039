"""What differs between exchanges' streams, as data; and the times all streams go by."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from engine.venues.ccxt.fields import as_int, as_object, as_text
from engine.venues.ccxt.streams.completing import Completion
from engine.venues.ccxt.streams.frames import FrameMatch, KlineLayout, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFrames:
    """Orders over a websocket, and the answers to them.

    Attributes:
        path: Of its address, in the library's `urls["api"]["ws"]`.
        id, status, error: Where an answer has them.
        taken: The status of an order that was taken.
        told_at, retry_at: Where the error of too many requests tells its time and when to come
            again, both in milliseconds.
    """

    path: tuple[str, ...]
    id: str
    status: str
    error: str
    taken: int
    told_at: tuple[str, ...]
    retry_at: tuple[str, ...]

    def address(self, urls: Mapping[str, object]) -> str:
        """Return the address; "" where the environment has none."""
        return as_text(_inside(urls, ("api", "ws", *self.path)))

    def headers(self, error: Mapping[str, object]) -> Mapping[str, str]:
        """Return what an error tells as the header of an HTTP answer would."""
        told, retry = as_int(_inside(error, self.told_at)), as_int(_inside(error, self.retry_at))
        if told is None or retry is None:
            return {}
        return {"Retry-After": f"{max(retry - told, 0) / 1000:g}"}


def _inside(found: object, path: tuple[str, ...]) -> object:
    for key in path:
        found = as_object(found).get(key)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamQuirks:
    """One exchange's streams.

    Attributes:
        klines: How its frames flag the end of a bar. None: they don't; a bar is final by the
            first update of the next one, or after the grace period by asking for it.
        subscribed: Frames that say that the account's subscription was taken. None of them: a
            connection is enough, as where its address names the session.
        session_ended: Frames that say that the account's subscription is over, though the
            connection stays open.
        money_moved: Frames that tell of transfers, funding or interest.
        watch_balance: `money_moved` frames come only to who watches the balance.
        sessions: Groups in ccxt's options whose session is to be opened anew with a connection:
            with a lapsed one the exchange lets us connect and then stays silent.
        depth: Levels of a book that are asked for.
        completions: Rows of the account's frames that leave out what an earlier one told.
        float_books: The library's methods that put levels into a book and can't sort text.
        orders: Orders are taken over a websocket. None: over REST alone.
    """

    klines: KlineLayout | None = None
    subscribed: tuple[FrameMatch, ...] = ()
    session_ended: tuple[FrameMatch, ...] = ()
    money_moved: tuple[FrameMatch, ...] = ()
    watch_balance: bool = False
    sessions: tuple[str, ...] = ()
    depth: int | None = None
    completions: tuple[Completion, ...] = ()
    float_books: tuple[str, ...] = ()
    orders: OrderFrames | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPolicy:
    """Times in seconds, unless said otherwise.

    Attributes:
        together: Bars of one instant wait so long for each other.
        grace: A bar that has not been told so long after its end is asked for,
        ask_again: and again so much later each time, then left to the next bar.
        watch: A silent watch is looked at so often.
        connect: A connection and its subscription may take so long; then it is made anew.
        settle: After a connection, until what was missed is asked for.
        silence: Nothing at all for so long on a stream of prices: the connection is cut. Doubled
            while a new one is silent as well, up to `longest_silence`: then nobody trades.
        check: The account is asked over REST so often though its stream works, and `early` after
            it came back: that proves that the stream tells everything.
        full: So often that goes for the fills of every instrument, else only for those of which
            an order or a holding points at one.
        poll: The same while it does not, or where there is none.
        late: What the stream has not told by then, REST will have.
        overlap: Fills are asked for from so long before the last time all were known.
        hold: New messages wait so long at most for the ones that were missed.
        flows: Transfers, funding and interest are asked for so often.
        first_pause, longest_pause: Between two dials.
        keep_alive: Between two pings, where the exchange has no rule of its own.
        order_ping: The same on the connection that orders leave over,
        order_proof: which they do while anything came over it in so long a time.
        levels: Best levels of a book that are handed on.
        per_watch: Markets that are subscribed together, on one connection.
    """

    together: float = 0.002
    grace: float = 2.0
    ask_again: tuple[float, ...] = (5.0, 20.0)
    watch: float = 30.0
    connect: float = 15.0
    settle: float = 0.5
    silence: float = 60.0
    longest_silence: float = 900.0
    check: float = 60.0
    full: float = 600.0
    early: float = 5.0
    poll: float = 5.0
    late: float = 10.0
    overlap: float = 60.0
    hold: float = 10.0
    flows: float = 300.0
    first_pause: float = 0.25
    longest_pause: float = 10.0
    keep_alive: float = 10.0
    order_ping: float = 2.0
    order_proof: float = 5.0
    levels: int = 20
    per_watch: int = 100


# https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#klinecandlestick-streams-for-utc
_BINANCE_KLINES = KlineLayout(
    market=Slot(path=("k", "s")),
    interval=Slot(path=("k", "i")),
    rows=("k",),
    start="t",
    open="o",
    high="h",
    low="l",
    close="c",
    volume="v",
    closed="x",
)
# https://bybit-exchange.github.io/docs/v5/websocket/public/kline
_BYBIT_KLINES = KlineLayout(
    market=Slot(path=("topic",), part=-1),
    interval=Slot(path=("topic",), part=1),
    rows=("data",),
    start="start",
    open="open",
    high="high",
    low="low",
    close="close",
    volume="volume",
    closed="confirm",
)


def _okx_klines(volume: int) -> KlineLayout:
    """https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-candlesticks-channel

    Args:
        volume: Which of its volumes is in base units: the first is in contracts on swaps.
    """
    return KlineLayout(
        market=Slot(path=("arg", "instId")),
        interval=Slot(path=("arg", "channel"), prefix="candle"),
        rows=("data",),
        start=0,
        open=1,
        high=2,
        low=3,
        close=4,
        volume=volume,
        closed=8,
    )


# Deposits, withdrawals and transfers; on futures the account update names its reason.
_BINANCE_MONEY = (
    FrameMatch(path=("e",), values=frozenset({"balanceUpdate"})),
    FrameMatch(
        path=("a", "m"),
        values=frozenset(
            {
                *("DEPOSIT", "WITHDRAW", "FUNDING_FEE", "WITHDRAW_REJECT", "ADJUSTMENT"),
                *("INSURANCE_CLEAR", "ADMIN_DEPOSIT", "ADMIN_WITHDRAW", "MARGIN_TRANSFER"),
                *("ASSET_TRANSFER", "AUTO_EXCHANGE", "COIN_SWAP_DEPOSIT", "COIN_SWAP_WITHDRAW"),
            }
        ),
    ),
)
_BINANCE_ENDED = (
    FrameMatch(
        path=("e",),
        values=frozenset({"eventStreamTerminated", "listenKeyExpired", "serverShutdown"}),
    ),
)


def _binance_orders(market: str) -> OrderFrames:
    """https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/response-format"""
    return OrderFrames(
        path=("ws-api", market),
        id="id",
        status="status",
        error="error",
        taken=200,
        told_at=("data", "serverTime"),
        retry_at=("data", "retryAfter"),
    )


_BINANCE = StreamQuirks(
    klines=_BINANCE_KLINES,
    session_ended=_BINANCE_ENDED,
    money_moved=_BINANCE_MONEY,
    sessions=("linear",),
    depth=100,
    orders=_binance_orders("linear"),
)
# https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/user-data-stream-requests
_BINANCE_SPOT = replace(
    _BINANCE,
    subscribed=(FrameMatch(path=("result", "subscriptionId")),),
    orders=_binance_orders("spot"),
)
# https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/executions
_KRAKEN = StreamQuirks(
    depth=100,
    subscribed=(FrameMatch(path=("result", "channel"), values=frozenset({"executions"})),),
    completions=(
        Completion(
            frames=FrameMatch(path=("channel",), values=frozenset({"executions"})),
            rows=("data",),
            id="order_id",
            keys=("symbol", "cl_ord_id", "side", "order_type", "order_qty", "limit_price"),
        ),
    ),
    watch_balance=True,
    money_moved=(
        FrameMatch(
            path=("data", "0", "type"),
            values=frozenset({"deposit", "withdrawal", "transfer", "staking"}),
        ),
    ),
    float_books=("custom_handle_deltas",),
)
_OKX_SPOT = StreamQuirks(klines=_okx_klines(5))

STREAM_QUIRKS: Mapping[tuple[str, str], StreamQuirks] = MappingProxyType(
    {
        ("binance", "spot"): _BINANCE_SPOT,
        ("binance", "linear"): _BINANCE,
        ("bybit", "spot"): StreamQuirks(klines=_BYBIT_KLINES, depth=50),
        ("bybit", "linear"): StreamQuirks(klines=_BYBIT_KLINES, depth=50),
        ("kraken", "spot"): _KRAKEN,
        ("okx", "spot"): _OKX_SPOT,
        ("okx", "linear"): StreamQuirks(klines=_okx_klines(6)),
    }
)


def stream_quirks(exchange: str, market: str) -> StreamQuirks:
    """Return an exchange's row, `market` being "spot" or "linear"; else what holds for any."""
    return STREAM_QUIRKS.get((exchange, market), StreamQuirks())
