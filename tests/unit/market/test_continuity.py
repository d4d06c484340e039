"""Between two bars: nothing, a proven silence, or a gap; none is taken for another."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.bars import Bar, BarState, Timeframe
from engine.domain.ids import InstrumentId
from engine.market.continuity import filled, quiet, starts_between

MINUTE = Timeframe(60)
T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def at(number: int) -> datetime:
    return T0 + timedelta(minutes=number)


def bar(number: int, close: int = 100) -> Bar:
    price = Decimal(close)
    return Bar(InstrumentId("X"), MINUTE, at(number), price, price, price, price, Decimal(1))


def test_the_next_bar_in_its_place_leaves_nothing_between() -> None:
    assert starts_between(at(0), at(1), MINUTE) == ()
    assert starts_between(at(0), at(0), MINUTE) == ()


def test_every_interval_between_two_bars_is_named() -> None:
    assert starts_between(at(0), at(4), MINUTE) == (at(1), at(2), at(3))


def test_listed_bars_fill_a_gap_as_backfilled_ones() -> None:
    answer = filled([at(1), at(2)], [bar(1, 101), bar(2, 102), bar(3)], bar(0))
    assert [(b.timestamp, b.close, b.state) for b in answer.bars] == [
        (at(1), Decimal(101), BarState.BACKFILLED),
        (at(2), Decimal(102), BarState.BACKFILLED),
    ]
    assert answer.unknown == ()


def test_an_interval_between_two_listed_bars_is_proven_empty_at_the_last_price() -> None:
    answer = filled([at(1), at(2)], [bar(1, 101), bar(3)], bar(0))
    silent = answer.bars[1]
    assert (silent.timestamp, silent.state, silent.volume) == (at(2), BarState.EMPTY, 0)
    assert {silent.open, silent.high, silent.low, silent.close} == {Decimal(101)}


def test_a_silence_after_known_bars_stays_at_their_price() -> None:
    listed = [bar(1, 101), bar(2, 102), bar(3, 103), bar(5)]
    answer = filled([at(1), at(4)], listed, bar(0))
    assert [b.close for b in answer.bars] == [Decimal(101), Decimal(103)]


def test_what_the_venue_has_not_listed_past_stays_unknown() -> None:
    assert filled([at(1), at(2)], [bar(1)], bar(0)).unknown == (at(2),)
    assert filled([at(1), at(2)], [], bar(0)).unknown == (at(1), at(2))
    assert filled([at(1), at(2)], [bar(0)], bar(0)).unknown == (at(1), at(2))


@given(st.integers(1, 12), st.sets(st.integers(1, 14)))
def test_every_interval_is_answered_once_or_stays_unknown_in_order(
    count: int, there: set[int]
) -> None:
    unknown = [at(number) for number in range(1, count + 1)]
    answer = filled(unknown, [bar(number) for number in sorted(there)], bar(0))
    assert [b.timestamp for b in answer.bars] + list(answer.unknown) == unknown
    for one in answer.bars:
        number = (one.timestamp - T0) // MINUTE.delta
        assert (one.state is BarState.BACKFILLED) == (number in there)
        assert number in there or any(later > number for later in there)
    assert not answer.unknown or max(there, default=0) < (answer.unknown[0] - T0) // MINUTE.delta


def test_a_quiet_bar_stays_at_the_close_before_it() -> None:
    assert quiet(bar(0, 7), at(1), BarState.MISSING).close == Decimal(7)
