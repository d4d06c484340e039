"""Values of the domain with every field set, for tests to change with `dataclasses.replace`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.accounts import Account, CostMethod, Latch, TradingMode, TradingState
from engine.domain.bars import Timeframe
from engine.domain.entries import EntryKind, LedgerAccount, LedgerEntry, Posting
from engine.domain.events import FeedInterrupted, TradingRearmed
from engine.domain.ids import (
    AccountId,
    AssetId,
    BookId,
    ClientOrderId,
    CommandId,
    EntryId,
    EventId,
    InstrumentId,
    OrderGroupId,
    RunId,
    TradeId,
    VenueOrderId,
)
from engine.domain.messages import Severity
from engine.domain.orders import (
    Order,
    OrderPurpose,
    OrderSide,
    OrderState,
    OrderType,
    PositionSide,
    TimeInForce,
)
from engine.domain.policies import ExitPlan, OrderPolicy, TakeProfit, TargetUnit
from engine.domain.records import (
    CatchUp,
    CommandRecord,
    Delivery,
    DeliveryState,
    EquityMark,
    ExitPlanState,
    InboxUpdate,
    Job,
    JobClock,
    ServiceMark,
    Ticket,
)
from engine.domain.runs import Run, RunState, StandingTarget

ACCOUNT = AccountId("main")
BTC = InstrumentId("BTC/USDT")
NOON = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
EXACT = Decimal("12345678901234567890.123456789012345678")  # 18 places, 38 digits


def after(seconds: float) -> datetime:
    """Return an instant that many seconds past `NOON`."""
    return NOON + timedelta(seconds=seconds)


def account(**changes: Any) -> Account:
    fields: dict[str, Any] = {
        "id": ACCOUNT,
        "venue": "paper",
        "mode": TradingMode.REPLAY,
        "reporting": AssetId("USDT"),
        "cost_method": CostMethod.FIFO,
        "time_zone": "America/New_York",
        "day_cut": "17:00",
        "allow_short": True,
    }
    return Account(**fields | changes)


def latch(**changes: Any) -> Latch:
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "state": TradingState.HALTED,
        "reason": "drawdown",
        "actor": "telegram:1001",
        "since": NOON,
    }
    return Latch(**fields | changes)


def run(**changes: Any) -> Run:
    standing = StandingTarget(
        target=Decimal("-0.5"),
        unit=TargetUnit.QUANTITY,
        bar_time=NOON,
        tag="cross",
        policy=OrderPolicy(order_type=OrderType.LIMIT, time_to_live=timedelta(minutes=5)),
        exit_plan=ExitPlan(stop=Decimal("0.02"), take_profits=(TakeProfit(distance=EXACT),)),
    )
    fields: dict[str, Any] = {
        "id": RunId("run-1"),
        "name": "ema",
        "strategy": "ema_crossover",
        "params": {"fast": 5, "slow": 20.5, "long": True, "mode": "x"},
        "account_id": ACCOUNT,
        "instrument_ids": (BTC, InstrumentId("AAPL")),
        "timeframe": Timeframe.parse("4h"),
        "capital": EXACT,
        "state": RunState.PAUSED,
        "code_hash": "abc",
        "paused_reason": "raised",
        "targets": {BTC: standing},
        "wait_for_change": frozenset({BTC}),
        "started_at": NOON,
        "updated_at": after(1),
    }
    return Run(**fields | changes)


def order(number: int = 1, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(f"order-{number}"),
        "account_id": ACCOUNT,
        "book_id": BookId("run-1"),
        "instrument_id": BTC,
        "side": OrderSide.SELL,
        "order_type": OrderType.STOP_LIMIT,
        "quantity": EXACT,
        "purpose": OrderPurpose.STOP,
        "ts_init": after(number),
        "ts_last": after(number + 1),
        "position_side": PositionSide.SHORT,
        "quote_quantity": Decimal("0.000000000000000001"),
        "limit_price": Decimal("1E+3"),
        "trigger_price": Decimal("-0"),
        "reference_price": Decimal("1.500"),
        "time_in_force": TimeInForce.GTD,
        "expires_at": after(60),
        "reduce_only": True,
        "post_only": True,
        "group_id": OrderGroupId("g"),
        "reason": "stop",
        "state": OrderState.ACKNOWLEDGED,
        "venue_order_id": VenueOrderId("v-1"),
        "filled_quantity": Decimal("0.1"),
        "filled_value": Decimal("-99.99"),
        "message": "Zürich ✓",
    }
    return Order(**fields | changes)


def entry(number: int = 1, **changes: Any) -> LedgerEntry:
    fields: dict[str, Any] = {
        "entry_id": EntryId(f"entry-{number}"),
        "account_id": ACCOUNT,
        "book_id": BookId("run-1"),
        "kind": EntryKind.FILL,
        "ts_event": after(number),
        "postings": (
            Posting(ledger_account=LedgerAccount.HOLDING, asset=AssetId("BTC"), amount=EXACT),
            Posting(ledger_account=LedgerAccount.TRADING, asset=AssetId("BTC"), amount=-EXACT),
        ),
        "sequence": 2**40,
        "instrument_id": BTC,
        "position_side": PositionSide.LONG,
        "side": OrderSide.BUY,
        "quantity": EXACT,
        "price": Decimal("0.1"),
        "value": EXACT,
        "trade_id": TradeId("t-1"),
        "venue_order_id": VenueOrderId("v-1"),
        "client_order_id": ClientOrderId("order-1"),
        "purpose": OrderPurpose.ENTRY,
        "reason": "cross",
        "rates": {AssetId("BTC"): EXACT},
        "note": "late",
        "corrects": EntryId("entry-0"),
        "counter_book": BookId("manual"),
    }
    return LedgerEntry(**fields | changes)


def event(number: int = 1, **changes: Any) -> FeedInterrupted:
    fields: dict[str, Any] = {
        "event_id": EventId(f"event-{number}"),
        "account_id": ACCOUNT,
        "mode": TradingMode.REPLAY,
        "ts_event": after(number),
        "ts_recorded": after(number + 1),
        "instrument_id": BTC,
        "message": "cut",
    }
    return FeedInterrupted(**fields | changes)


def other_event(number: int = 1) -> TradingRearmed:
    return TradingRearmed(
        event_id=EventId(f"other-{number}"),
        account_id=ACCOUNT,
        mode=TradingMode.LIVE,
        ts_event=after(number),
        ts_recorded=after(number),
        actor="telegram:1001",
    )


def exit_plan(**changes: Any) -> ExitPlanState:
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "book_id": BookId("run-1"),
        "instrument_id": BTC,
        "position_side": PositionSide.NET,
        "plan": ExitPlan(
            stop_price=EXACT, take_profits=(TakeProfit(distance=Decimal("0.1")),), max_bars=3
        ),
        "entry_price": EXACT,
        "entry_quantity": -EXACT,
        "best_price": Decimal(1),
        "stop_price": Decimal("0.5"),
        "rungs_done": 1,
        "bars_held": 2,
        "last_bar": NOON,
        "unprotected_since": after(1),
        "tag": "cross",
    }
    return ExitPlanState(**fields | changes)


def command(number: int = 1, **changes: Any) -> CommandRecord:
    fields: dict[str, Any] = {
        "command_id": CommandId(f"command-{number}"),
        "account_id": ACCOUNT,
        "actor": "cli",
        "name": "Kill",
        "arguments": '{"reason":""}',
        "issued_at": NOON,
        "received_at": after(number),
        "status": "received",
    }
    return CommandRecord(**fields | changes)


def job(**changes: Any) -> Job:
    fields: dict[str, Any] = {
        "key": "report",
        "clock": JobClock.MARKET,
        "cadence": "daily 17:00 America/New_York",
        "catch_up": CatchUp.EACH,
        "next_due": NOON,
        "last_run": after(-60),
    }
    return Job(**fields | changes)


def mark(seconds: float = 0, **changes: Any) -> EquityMark:
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "time": after(seconds),
        "equity": EXACT,
        "unrealized": None,
        "realized": Decimal("-1.5"),
        "fees": Decimal("0.1"),
        "funding": Decimal(0),
        "flows": Decimal(100),
        "revaluation": Decimal("0.01"),
        "is_day_cut": False,
        "details": "{}",
    }
    return EquityMark(**fields | changes)


def service_mark(**changes: Any) -> ServiceMark:
    fields: dict[str, Any] = {
        "account_id": ACCOUNT,
        "pid": 42,
        "started_at": NOON,
        "at": after(1),
        "market_time": after(-86_400),
        "clean": False,
        "version": "0.1.0",
        "details": {"data": "AAPL"},
    }
    return ServiceMark(**fields | changes)


def update(number: int = 1, **changes: Any) -> InboxUpdate:
    fields: dict[str, Any] = {
        "update_id": number,
        "received_at": after(number),
        "sent_at": after(number - 1),
        "kind": "message",
        "actor_id": 2**52 - 1,  # Telegram's ids need more than 32 bits
        "chat_id": -(10**12),
        "body": b'{"text":"\xc3\xa9\x00"}',
        "state": "received",
        "note": "",
    }
    return InboxUpdate(**fields | changes)


def ticket(number: int = 1, **changes: Any) -> Ticket:
    fields: dict[str, Any] = {
        "ticket_id": f"ticket-{number}",
        "name": "flatten",
        "arguments": "{}",
        "actor_id": 1001,
        "chat_id": 1001,
        "message_id": None,
        "created_at": NOON,
        "expires_at": after(60),
    }
    return Ticket(**fields | changes)


def delivery(number: int = 1, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "delivery_id": None,
        "dedupe_key": f"delivery-{number}",
        "event_id": EventId("event-1"),
        "event_seq": 1,
        "channel": "telegram",
        "recipient": "1001",
        "severity": Severity.WARNING,
        "body": "{}",
        "state": DeliveryState.PENDING,
        "created_at": NOON,
        "not_before": NOON,
    }
    return Delivery(**fields | changes)
