"""What the library raises, what was on the wire, and which of our errors it becomes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from engine.errors import (
    BelowMinimum,
    InsufficientFunds,
    KeyRefused,
    NothingToReduce,
    OrderNotFound,
    OrderRefused,
    OrderStateUnknown,
    RequestRefused,
    StopWouldTrigger,
    TradingError,
    TradingNotAllowed,
    UnknownInstrument,
    VenueUnavailable,
)
from engine.venues.ccxt.exchanges import EXCHANGES
from engine.venues.ccxt.gate import GateClosed
from engine.venues.ccxt.judging import judge
from engine.venues.ccxt.library import load
from engine.venues.ccxt.quirks import Quirks
from engine.venues.ccxt.settings import MarketKind
from engine.venues.ccxt.troubles import CLASSES, Operation, Trouble, error_of, sentence
from engine.venues.ccxt.wire import Wire

ERRORS = load("binance").errors
BINANCE = EXCHANGES["binance", MarketKind.SPOT]
PLAIN = Quirks()

UNKNOWN, REFUSED, AGAIN = OrderStateUnknown, OrderRefused, RequestRefused
DOWN, ABSENT, FORBIDDEN = VenueUnavailable, OrderNotFound, TradingNotAllowed
BARRED = KeyRefused

# class: what a submit, a cancel, a query, a look-up and an audit become when the venue answered
# with an error of HTTP status 200 (no other evidence).
MAPPED: dict[str, tuple[type[TradingError], ...]] = {
    "BaseError": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "ExchangeError": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "AuthenticationError": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "PermissionDenied": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "AccountNotEnabled": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "AccountSuspended": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "ArgumentsRequired": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "BadRequest": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "BadSymbol": (UnknownInstrument, AGAIN, DOWN, DOWN, DOWN),
    "OperationRejected": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "NoChange": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "MarginModeAlreadySet": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "MarketClosed": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "ManualInteractionNeeded": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "RestrictedLocation": (BARRED, AGAIN, DOWN, DOWN, FORBIDDEN),
    "InsufficientFunds": (InsufficientFunds, AGAIN, DOWN, DOWN, DOWN),
    "InvalidAddress": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "AddressPending": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "InvalidOrder": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "OrderNotFound": (REFUSED, ABSENT, DOWN, ABSENT, DOWN),
    "OrderNotCached": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "OrderImmediatelyFillable": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "OrderNotFillable": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "DuplicateOrderId": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "ContractUnavailable": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "NotSupported": (REFUSED, AGAIN, DOWN, DOWN, DOWN),
    "InvalidProxySettings": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "ExchangeClosedByUser": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "OperationFailed": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "NetworkError": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "DDoSProtection": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "RateLimitExceeded": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "ExchangeNotAvailable": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "OnMaintenance": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "InvalidNonce": (AGAIN, AGAIN, DOWN, DOWN, DOWN),
    "ChecksumError": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "RequestTimeout": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "BadResponse": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "NullResponse": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "CancelPending": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
    "UnsubscribeError": (UNKNOWN, UNKNOWN, DOWN, DOWN, DOWN),
}


def names(tree: dict[str, Any]) -> Iterator[str]:
    for name, below in tree.items():
        yield name
        yield from names(below)


EVERY_CLASS = sorted(names(ERRORS.error_hierarchy))


def answered(status: int = 200, body: str = "{}", **more: Any) -> Wire:
    return Wire(sent=True, status=status, text=body, **more)


def became(
    error: Exception, wire: Wire, operation: Operation, quirks: Quirks = PLAIN
) -> type[TradingError]:
    trouble, _ = judge(error, wire, quirks, operation)
    return error_of(trouble, operation)


def test_every_class_of_the_library_is_in_the_table_and_no_other() -> None:
    assert set(CLASSES) == set(EVERY_CLASS)
    assert set(MAPPED) == set(EVERY_CLASS)


@pytest.mark.parametrize("name", EVERY_CLASS)
def test_a_class_becomes_the_pinned_error_of_each_operation(name: str) -> None:
    error = getattr(ERRORS, name)("as the venue says")
    found = tuple(became(error, answered(), operation) for operation in Operation)
    assert found == MAPPED[name]


@pytest.mark.parametrize("name", EVERY_CLASS)
def test_what_was_never_sent_is_never_in_doubt(name: str) -> None:
    error = getattr(ERRORS, name)("raised before the network was touched")
    assert became(error, Wire(), Operation.SUBMIT) is not OrderStateUnknown
    assert became(error, Wire(), Operation.CANCEL) is not OrderStateUnknown


@pytest.mark.parametrize("name", EVERY_CLASS)
def test_a_server_error_is_a_doubt_whatever_the_class(name: str) -> None:
    error = getattr(ERRORS, name)("502")
    assert became(error, answered(502, "<html>"), Operation.SUBMIT) is OrderStateUnknown


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("name", ["NetworkError", "ExchangeError", "InvalidNonce"])
def test_a_rate_limit_status_means_not_acted_on(status: int, name: str) -> None:
    error = getattr(ERRORS, name)("slow down")
    assert became(error, answered(status), Operation.SUBMIT) is RequestRefused


def binance(code: int, words: str, status: int = 400) -> Wire:
    return answered(status, f'{{"code":{code},"msg":"{words}"}}')


@pytest.mark.parametrize(
    ("name", "wire", "expected"),
    [
        ("RequestTimeout", binance(-1007, "Timeout waiting. Send status unknown.", 408), UNKNOWN),
        ("OperationFailed", binance(-1006, "execution status unknown"), UNKNOWN),
        ("ExchangeNotAvailable", answered(503, '{"msg":"Unknown error, please check"}'), UNKNOWN),
        ("OperationFailed", binance(-1008, "Request throttled", 503), AGAIN),
        ("InvalidNonce", binance(-1021, "Timestamp for this request is outside"), AGAIN),
        ("DDoSProtection", binance(-2015, "Invalid API-key, IP, or permissions.", 401), BARRED),
        ("DDoSProtection", binance(-1003, "Way too many requests", 418), AGAIN),
        ("InvalidOrder", binance(-2010, "Duplicate order sent."), REFUSED),
        (
            "InsufficientFunds",
            binance(-2010, "Account has insufficient balance"),
            InsufficientFunds,
        ),
        ("ExchangeError", binance(-2019, "Margin is insufficient."), InsufficientFunds),
        ("InvalidOrder", binance(-1013, "Filter failure: NOTIONAL"), BelowMinimum),
        ("InvalidOrder", binance(-1013, "Filter failure: PRICE_FILTER"), BelowMinimum),
        ("BadSymbol", binance(-1121, "Invalid symbol."), UnknownInstrument),
        ("ExchangeError", binance(-9999, "something new"), REFUSED),
    ],
)
def test_binance_codes_decide_before_the_class(
    name: str, wire: Wire, expected: type[TradingError]
) -> None:
    error = getattr(ERRORS, name)("whatever")
    assert became(error, wire, Operation.SUBMIT, BINANCE) is expected


def test_a_duplicate_that_arrives_as_an_invalid_order_is_told_apart() -> None:
    trouble, words = judge(
        ERRORS.InvalidOrder("x"),
        binance(-2010, "Duplicate order sent."),
        BINANCE,
        Operation.SUBMIT,
    )
    assert (trouble, words) == (Trouble.DUPLICATE, "Duplicate order sent.")


def test_kraken_errors_are_read_from_their_list() -> None:
    kraken = EXCHANGES["kraken", MarketKind.SPOT]
    wire = answered(200, '{"error":["EOrder:Insufficient funds"]}')
    assert became(ERRORS.ExchangeError("x"), wire, Operation.SUBMIT, kraken) is InsufficientFunds
    wire = answered(200, '{"error":["EService:Timeout"]}')
    assert became(ERRORS.ExchangeError("x"), wire, Operation.SUBMIT, kraken) is OrderStateUnknown


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def test_no_connection_means_nothing_was_sent() -> None:
    refused = aiohttp.ClientConnectorError(None, OSError(111, "refused"))
    error = caused(ERRORS.ExchangeNotAvailable("binance POST"), refused)
    assert became(error, Wire(sent=True), Operation.SUBMIT) is RequestRefused
    slow = caused(ERRORS.RequestTimeout("x"), aiohttp.ConnectionTimeoutError())
    assert became(slow, Wire(sent=True), Operation.SUBMIT) is RequestRefused


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("ExchangeNotAvailable", aiohttp.ServerDisconnectedError()),
        ("ExchangeError", aiohttp.ClientPayloadError("cut in the midst of the answer")),
        ("RequestTimeout", TimeoutError()),
    ],
)
def test_a_cut_after_the_request_left_is_a_doubt(name: str, cause: Exception) -> None:
    error = caused(getattr(ERRORS, name)("x"), cause)
    assert became(error, Wire(sent=True), Operation.SUBMIT) is OrderStateUnknown
    assert became(error, answered(200, '{"orderId'), Operation.SUBMIT) is OrderStateUnknown


def test_our_own_time_out_is_a_doubt() -> None:
    assert became(TimeoutError(), Wire(sent=True), Operation.SUBMIT) is OrderStateUnknown
    assert became(TimeoutError(), Wire(sent=True), Operation.QUERY) is VenueUnavailable


def test_an_accepted_answer_that_the_library_stumbles_over_is_a_doubt() -> None:
    wire = answered(200, '{"orderId":1}', answered=True)
    for error in (KeyError("status"), TypeError("None"), ERRORS.InvalidOrder("odd")):
        assert became(error, wire, Operation.SUBMIT) is OrderStateUnknown
        assert became(error, wire, Operation.QUERY) is VenueUnavailable


def test_an_empty_answer_to_a_look_up_is_absence() -> None:
    wire = answered(200, "[]", answered=True)
    assert became(ERRORS.OrderNotFound("x"), wire, Operation.FIND) is OrderNotFound
    assert became(ERRORS.OrderNotFound("x"), wire, Operation.QUERY) is VenueUnavailable


def test_a_closed_gate_sent_nothing() -> None:
    error = GateClosed("the rate budget is spent", datetime(2026, 1, 1, tzinfo=UTC))
    assert became(error, Wire(), Operation.SUBMIT) is RequestRefused
    assert became(error, Wire(), Operation.CANCEL) is RequestRefused
    assert became(error, Wire(), Operation.QUERY) is VenueUnavailable


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_sentence_says_what_happened_and_what_did_not(
    trouble: Trouble, operation: Operation
) -> None:
    text = sentence("binance", "buy 1 BTC/USDT", trouble, operation, "its words")
    assert str(trouble) in text
    assert '"its words"' in text
    says = ("Nothing", "may or may not", "nothing to cancel")
    assert any(part in text for part in says)
    assert "\n" not in text


@pytest.mark.parametrize("trouble", list(Trouble))
def test_only_an_unknown_outcome_leaves_an_order_in_doubt(trouble: Trouble) -> None:
    in_doubt = error_of(trouble, Operation.SUBMIT) is OrderStateUnknown
    assert in_doubt is (trouble in {Trouble.UNKNOWN})
    assert issubclass(
        error_of(trouble, Operation.SUBMIT), OrderRefused | RequestRefused | OrderStateUnknown
    )
    assert issubclass(
        error_of(trouble, Operation.CANCEL), OrderNotFound | OrderStateUnknown | RequestRefused
    )


def test_a_stop_whose_price_has_been_passed_is_refused_as_such() -> None:
    code = '{"code":-2021,"msg":"Order would immediately trigger."}'
    error = ERRORS.OrderImmediatelyFillable("x")
    assert became(error, answered(400, code), Operation.SUBMIT, BINANCE) is StopWouldTrigger


def test_an_exit_for_which_nothing_is_held_is_refused_as_such() -> None:
    code = '{"code":-2022,"msg":"ReduceOnly Order is rejected."}'
    wire = answered(400, code)
    assert became(ERRORS.OperationRejected("x"), wire, Operation.SUBMIT, BINANCE) is NothingToReduce


@pytest.mark.parametrize("code", ["110092", "110093"])
def test_bybits_codes_for_a_passed_trigger_are_known(code: str) -> None:
    bybit = EXCHANGES["bybit", MarketKind.LINEAR]
    wire = answered(200, f'{{"retCode":{code},"retMsg":"expect Rising"}}')
    assert became(ERRORS.InvalidOrder("x"), wire, Operation.SUBMIT, bybit) is StopWouldTrigger
