"""Who is told what."""

import pytest

from engine.domain.events import EVENTS, OrderEnded
from engine.domain.messages import Severity
from engine.errors import ConfigError
from notifiers.routing import DEFAULT_ROUTES, Route, channels_for, is_routine, severity_of
from tests.fakes.events import a_delivery_failure, a_fill, every_event

EVENTS_BY_NAME = every_event()


def told(name: str) -> set[str]:
    return set(channels_for(EVENTS_BY_NAME[name], DEFAULT_ROUTES))


@pytest.mark.parametrize("name", EVENTS_BY_NAME)
def test_telegram_is_told_of_everything_but_its_own_failure(name: str) -> None:
    assert ("telegram" in told(name)) is (name != "delivery_failed")


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("fill_entry", {"telegram", "push"}),
        ("order_ended", {"telegram"}),
        ("run_started", {"telegram", "push"}),
        ("order_denied", {"telegram", "push"}),
        ("daily_report", {"telegram", "push", "email"}),
        ("stop_missing", {"telegram", "push", "email"}),
        ("trading_halted", {"telegram", "push", "email"}),
        ("risk_breached", {"telegram", "push", "email"}),
        ("risk_near", {"telegram", "push"}),
        ("order_rejected_stop", {"telegram", "push", "email"}),
        ("order_rejected_entry", {"telegram", "push"}),
        ("delivery_failed", {"push", "email"}),
    ],
)
def test_default_routes(name: str, channels: set[str]) -> None:
    assert told(name) == channels


@pytest.mark.parametrize(
    ("name", "severity"),
    [
        ("risk_breached", Severity.CRITICAL),
        ("risk_near", Severity.WARNING),
        ("fill_stopped", Severity.INFO),
        ("order_rejected_stop", Severity.CRITICAL),
        ("order_rejected_entry", Severity.WARNING),
        ("run_paused", Severity.NOTICE),
        ("run_paused_by_engine", Severity.WARNING),
        ("service_started", Severity.NOTICE),
        ("service_crashed", Severity.WARNING),
        ("service_stopped", Severity.WARNING),
        ("daily_report", Severity.NOTICE),
        ("daily_report_doubtful", Severity.WARNING),
        ("service_restarted_quiet", Severity.NOTICE),
        ("service_restarted_asking", Severity.WARNING),
        ("difference_found", Severity.CRITICAL),
        ("position_forced", Severity.CRITICAL),
        ("trading_refused", Severity.CRITICAL),
        ("venue_unreachable", Severity.WARNING),
        ("order_doubt_ended", Severity.NOTICE),
    ],
)
def test_severity_follows_what_the_event_says(name: str, severity: Severity) -> None:
    assert severity_of(EVENTS_BY_NAME[name]) is severity


@pytest.mark.parametrize(
    "name",
    ["funding_booked", "deposit_booked", "flow_booked", "difference_gone", "difference_adopted"],
)
def test_what_a_quiet_day_brings_makes_no_sound(name: str) -> None:
    assert severity_of(EVENTS_BY_NAME[name]) is Severity.INFO


def test_a_routine_cancel_is_told_to_nobody() -> None:
    ended = EVENTS_BY_NAME["order_ended"]
    assert isinstance(ended, OrderEnded)
    fields = {name: getattr(ended, name) for name in OrderEnded.__dataclass_fields__}
    cancelled = OrderEnded(**fields | {"state": "cancelled", "filled_quantity": 0})
    assert is_routine(cancelled)
    assert channels_for(cancelled, DEFAULT_ROUTES) == ()
    assert not is_routine(OrderEnded(**fields | {"state": "cancelled"}))


def test_exclude_is_stronger_than_include() -> None:
    fills = frozenset({"OrderFilled"})
    both = Route(channel="push", minimum=Severity.CRITICAL, include=fills, exclude=fills)
    assert channels_for(a_fill(), [both]) == ()


def test_a_channel_never_hears_of_its_own_failure_even_when_included() -> None:
    route = Route(channel="push", include=frozenset({"DeliveryFailed"}))
    assert channels_for(a_delivery_failure(channel="push"), [route]) == ()
    assert channels_for(a_delivery_failure(channel="email"), [route]) == ("push",)


def test_a_misspelt_event_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'OrderFiled'; did you mean OrderFilled"):
        Route(channel="push", include=frozenset({"OrderFiled"}))


def test_every_event_type_has_a_severity_of_its_own() -> None:
    assert {type(event) for event in EVENTS_BY_NAME.values()} == set(EVENTS)
