"""From an event to its alert: one function per type, found by type."""

from collections.abc import Callable
from typing import Any

from engine.domain import events
from engine.domain.messages import Event
from render.alerts import orders, reconciliation, report, service, trading
from render.alerts.model import Alert, Words

# Each function takes exactly the type it stands beside; a dict can't say so to mypy.
_WORDS: dict[type[Event], Callable[[Any], Words]] = {
    events.OrderFilled: orders.order_filled,
    events.OrderDenied: orders.order_denied,
    events.OrderRejected: orders.order_rejected,
    events.RefusalsEnded: orders.refusals_ended,
    events.OrderStateUnknown: orders.order_state_unknown,
    events.OrderDoubtEnded: orders.order_doubt_ended,
    events.OrderEnded: orders.order_ended,
    events.RiskBreached: trading.risk_breached,
    events.TradingHalted: trading.trading_halted,
    events.TradingRearmed: trading.trading_rearmed,
    events.RunStateChanged: trading.run_state_changed,
    events.StrategyFailed: trading.strategy_failed,
    events.DifferenceFound: reconciliation.difference_found,
    events.DifferenceEnded: reconciliation.difference_ended,
    events.FlowBooked: reconciliation.flow_booked,
    events.PositionForced: reconciliation.position_forced,
    events.TradingRefused: service.trading_refused,
    events.TradingAccepted: service.trading_accepted,
    events.StartRefused: service.start_refused,
    events.VenueUnreachable: service.venue_unreachable,
    events.StopMissing: trading.stop_missing,
    events.ServiceStarted: service.service_started,
    events.ServiceStopped: service.service_stopped,
    events.FeedInterrupted: service.feed_interrupted,
    events.ConnectionRestored: service.connection_restored,
    events.DataEnded: service.data_ended,
    events.HeartbeatMissed: service.heartbeat_missed,
    events.DeliveryFailed: service.delivery_failed,
    events.AccessRefused: service.access_refused,
    events.DailyReportReady: report.daily_report_ready,
}


def alert_of(event: Event) -> Alert:
    """Return what is said of `event`.

    Raises:
        LookupError: Nothing is written for its type.
    """
    try:
        words = _WORDS[type(event)]
    except KeyError as exc:
        raise LookupError(f"no alert text for {type(event).__name__}") from exc
    return words(event).alert(event)
