"""What differs between exchanges, as data: one row an exchange and market kind.

The rows are in `exchanges`; here is what a row can say, and what holds without one.
"""

import re
from base64 import b32decode, b32encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from engine.ports import DeadManTimer
from engine.venues.ccxt.troubles import Trouble


class FindOrder(StrEnum):
    """How an order is found by our id."""

    BY_CLIENT_ID = "by client id"  # fetch_order(None, symbol, {client_id.query: id})
    IN_LISTS = "in lists"  # open and past orders, by the venue with `query`, else by us
    BY_MATCH = "by match"  # the exchange takes no ids: side, price, quantity, time


class IdForm(StrEnum):
    """How our id is written there: ours are "oc" and 26 of a-z, 2-7, a digest of 128 bits."""

    AS_IT_IS = "as it is"
    UUID = "uuid"  # the digest's bits as a UUID, for exchanges that take no longer free text


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientIdRule:
    """How a client order id is handed over.

    Attributes:
        submit, query, cancel: Parameter at the submit, by which one order is asked for (or the
            lists are narrowed to it), and by which it is cancelled; "" where it can't be.
        read: Keys of the raw order that hold it, in place of what the library takes for it.
        max_length, pattern: What the exchange takes.
        free_text: With the form of a UUID: what is no digest goes as it is up to this length.
    """

    submit: str = "clientOrderId"
    query: str = "clientOrderId"
    cancel: str = "clientOrderId"
    read: tuple[str, ...] = ()
    max_length: int = 36
    pattern: str = r"[A-Za-z0-9_-]+"
    form: IdForm = IdForm.AS_IT_IS
    free_text: int = 0

    def to_venue(self, client_id: str) -> str | None:
        """Return the id as the exchange gets it, None where it takes none like that."""
        text: str | None = client_id
        if self.form is IdForm.UUID and len(client_id) > self.free_text:
            text = _as_uuid(client_id)
        if text is None or len(text) > self.max_length or not re.fullmatch(self.pattern, text):
            return None
        return text

    def from_venue(self, text: str) -> str:
        """Return our id for what the exchange shows; what is not ours stays as it is."""
        return text if self.form is IdForm.AS_IT_IS else _from_uuid(text)


_OURS = re.compile(r"oc[a-z2-7]{26}")


def _as_uuid(client_id: str) -> str | None:
    if not _OURS.fullmatch(client_id):
        return None
    return str(UUID(bytes=b32decode(f"{client_id[2:].upper()}======")))


def _from_uuid(text: str) -> str:
    try:
        digest = UUID(text).bytes
    except ValueError:
        return text
    return f"oc{b32encode(digest).decode().rstrip('=').lower()}"


class StopStyle(StrEnum):
    """Which unified parameter makes a stop of an order."""

    TRIGGER_PRICE = "triggerPrice"
    STOP_LOSS_PRICE = "stopLossPrice"  # also where it opens a position
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a history is asked for in pieces.

    Attributes:
        limit: Most rows an answer holds.
        window_ms: Longest time one request may span; None: any.
        by_symbol: It is asked for one instrument at a time.
        cursor: Parameter that continues after an id ("fromId"): no row is lost where many share a
            millisecond. "" pages by time, with each page beginning where the last one ended.
        until: The library's parameter for the end of the span.
        offset: Parameter that leaves out so many rows, where a page holds the newest of a span:
            then the pages go backwards.
        start: With it, the exchange's own parameter for the beginning, which it leaves out
            itself, in seconds: the library would drop rows of a page by it, and a page that looks
            short would end the search.
    """

    limit: int = 100
    window_ms: int | None = None
    by_symbol: bool = True
    cursor: str = ""
    until: str = "until"
    offset: str = ""
    start: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSource:
    """Where money that moves without an order is told of.

    Attributes:
        method: Of the client; unified ("fetch_deposits") or the exchange's own.
        raw: The rows are the exchange's own, found under `rows` of the answer, not unified ones.
        id_keys: What makes a row unique, in this order; joined.
        kinds: The exchange's word for a row -> one of ours; absent words are adjustments, and
            words mapped to None are not flows (commissions, which fills tell of).
        word, asset, amount, time, symbol: Keys of a row.
        sign: -1 for a list of what goes out with positive amounts.
        paging: Where a page holds the newest rows; None: the oldest from the beginning on.
    """

    method: str
    params: Mapping[str, object] = field(default_factory=dict)
    raw: bool = False
    rows: str = ""
    id_keys: tuple[str, ...] = ("id",)
    word: str = "type"
    asset: str = "currency"
    amount: str = "amount"
    time: str = "timestamp"
    symbol: str = ""
    sign: int = 1
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    default_kind: str = "adjustment"
    since: str = ""  # raw: its parameter for the beginning, milliseconds
    limit: int = 1000
    window_ms: int | None = None
    done: frozenset[str] = frozenset({"", "ok"})  # states in which the money has moved
    paging: Paging | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyQuestion:
    """The endpoint that tells what a key may do, and where in its answer.

    A path is keys joined by dots; `trade` is true where any of its paths is true.
    `lists` turns a path's list into a boolean: does it hold this word?
    """

    method: str
    params: Mapping[str, object] = field(default_factory=dict)
    trade: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    ip_restricted: tuple[str, ...] = ()
    read_only: str = ""  # path of a flag that forbids trading
    expires_ms: str = ""  # path of the expiry, milliseconds; 0 or absent: never
    lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsQuestion:
    """How position mode, margin mode and leverage are read, one request each at most.

    Attributes:
        hedged, leverages: Unified methods; "" where the exchange has none.
        per_symbol: `leverages` is asked for one instrument at a time.
    """

    hedged: str = ""
    leverages: str = ""
    per_symbol: bool = False
    one_way_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRows:
    """Where a balance answer tells the wallet's own amounts, without the open positions' profit."""

    rows: str
    asset: str
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """One exchange. The defaults hold for an exchange nobody has looked at.

    Attributes:
        validity_ms: How long after its time stamp a request may still be acted on: what was sent
            longer ago than that, and is not there, never will be.
        validity_option: The library's option that sets it; "" where it can't be set.
        deadline: Parameter of a submit that names the instant after which it is not to be acted
            upon any more, `validity_ms` from when it leaves; "" where there is none.
        clock_step_ms: Its clock is told in steps of so many milliseconds, rounded down.
        other_names: Keys of a listed market that hold further names of it, and the library's
            option that finds a market by each.
        filled: Keys of a raw order that hold what is filled, where the library reads nothing.
        again: Texts of refusals after which the same request, if it places nothing, is sent anew
            at once: it was not looked at, for a reason that the next try does not have.
        client_id: None where the exchange takes no ids of ours.
        conditional_list: Conditional orders have lists and ids of their own, reached with
            `conditional_params`; a triggered one names the order it became at `conditional_child`.
        conditional_filled: Key of a raw conditional order that holds what it has executed: the
            library takes one that has only triggered for full. "" where that is right.
        account_params: Go with every request that names no instrument.
        open_orders_by_symbol, closed_orders: How lists are asked for.
        foreign_prefixes: Client ids that the venue makes itself, with what they mean.
        options: Library options at construction, e.g. to keep start-up calls few.
        market_params: Of `fetch_markets`.
        codes: The venue's error codes -> trouble; these go before status and class.
        texts: (part of the message in lower case, trouble); these go before codes.
        code_keys, text_keys: Where an error answer holds code and text.
        weights: Request weight by unified method; 1 where not named.
        increments: The smallest unit in which it keeps an asset, as text; under "" for assets that
            are not named. What it books is rounded to that. Empty: it books exactly.
        fees_in_quote: A fee whose asset the library does not name (it knows the configured
            markets alone) is in the quote.
        fees_in_base: Spot buys pay their fee in what they receive, unless a discount token does.
        warm: So many connections at most are opened before a bar closes, by asking for the time;
            0 where that would cost of the budget that orders need.
        signs_ahead: Its requests carry a time stamp and no number that has to grow: one may be
            signed before another one and leave after it.
    """

    validity_ms: int = 60_000
    validity_option: str = ""
    deadline: str = ""
    clock_step_ms: int = 0
    other_names: Mapping[str, str] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    client_id: ClientIdRule | None = ClientIdRule()
    find: FindOrder = FindOrder.IN_LISTS
    conditional_list: bool = False
    conditional_params: Mapping[str, object] = field(default_factory=lambda: {"trigger": True})
    conditional_child: str = ""
    conditional_filled: str = ""
    account_params: Mapping[str, object] = field(default_factory=dict)
    open_orders_by_symbol: bool = False
    closed_orders: str = "fetch_closed_orders"
    closed_paging: Paging = Paging()
    trades: Paging = Paging()
    history_limit: int = 500
    flows: tuple[FlowSource, ...] = ()
    key: KeyQuestion | None = None
    terms: TermsQuestion = TermsQuestion()
    stop: StopStyle = StopStyle.TRIGGER_PRICE
    trigger_direction: bool = False
    reduce_only: bool = False
    quote_quantity: bool = False
    dead_man: DeadManTimer = DeadManTimer.NONE
    dead_man_method: str = ""
    dead_man_by_symbol: bool = False
    foreign_prefixes: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    market_params: Mapping[str, object] = field(default_factory=dict)
    codes: Mapping[str, Trouble] = field(default_factory=dict)
    texts: tuple[tuple[str, Trouble], ...] = ()
    code_keys: tuple[str, ...] = ("code", "retCode", "errorCode", "err-code", "label")
    text_keys: tuple[str, ...] = ("msg", "message", "retMsg", "error", "err-msg", "reason")
    weights: Mapping[str, float] = field(default_factory=dict)
    fees_in_base: bool = False
    fees_in_quote: bool = False
    wallet: WalletRows | None = None
    increments: Mapping[str, str] = field(default_factory=dict)
    warm: int = 0
    signs_ahead: bool = False
    demo: bool = False  # ccxt refuses its test network: demo trading takes its place

    def increment(self, asset: str) -> Decimal:
        """Return the unit in which the exchange keeps an asset, 0 where it books exactly."""
        return Decimal(self.increments.get(asset, self.increments.get("", "0")))

    def weight(self, method: str) -> float:
        return self.weights.get(method, 1.0)
