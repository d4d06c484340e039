from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.bars import STATE_CODES, Bars
from engine.domain.bars import Bar, BarState
from engine.domain.ids import InstrumentId
from engine.strategies.windows import Window, Windows
from tests.fakes.walks import HOUR, walk

LONG = walk(count=2_000)
ROWS = list(LONG)
KEY = (InstrumentId("BTC/USDT"), HOUR)


def window(keep: int) -> Window:
    return Window(*KEY, keep)


def same(one: Bars, other: Bars) -> None:
    np.testing.assert_array_equal(one.timestamp, other.timestamp)
    for name in ("open", "high", "low", "close", "volume", "state"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(
    keep=st.integers(1, 50),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 120)), min_size=1, max_size=15),
)
def test_it_holds_the_newest_bars_however_they_came(
    keep: int, steps: list[tuple[bool, int]]
) -> None:
    held, at = window(keep), 0
    for in_bulk, count in steps:
        if in_bulk:
            held.extend(LONG[at : at + count])
        else:
            for row in ROWS[at : at + count]:
                held.append(row)
        at += count
        same(held.bars(keep), LONG[max(0, at - keep) : at])
        assert len(held) == min(keep, at)


@given(order=st.permutations(range(8)))
def test_history_may_come_in_any_order_and_twice(order: list[int]) -> None:
    held = window(100)
    for part in [*order, *order[:3]]:
        held.extend(LONG[part * 10 : part * 10 + 12])
    same(held.bars(100), LONG[:82])


def test_a_bar_told_again_replaces_what_stood_there() -> None:
    held = window(10)
    held.extend(LONG[:10])
    for index in (9, 4):
        revised = Bar(*KEY, ROWS[index].timestamp, *[ROWS[0].open] * 4, ROWS[0].volume)
        held.append(revised)
        assert held.bars(10).close[index] == LONG.open[0]
    assert held.bars(10).timestamp.tolist() == LONG.timestamp[:10].tolist()


def test_a_forming_bar_is_never_taken_in() -> None:
    held = window(10)
    last = ROWS[5]
    held.append(Bar(*KEY, last.timestamp, *[last.open] * 4, last.volume, BarState.FORMING))
    forming = LONG[:6].state.copy()
    forming[-1] = STATE_CODES[BarState.FORMING]
    held.extend(replace(LONG[:6], state=forming))
    same(held.bars(10), LONG[:5])


def test_nothing_before_a_missing_bar_is_shown() -> None:
    states = LONG[:20].state.copy()
    states[7] = STATE_CODES[BarState.MISSING]
    held = window(50)
    held.extend(replace(LONG[:20], state=states))
    same(held.bars(50), LONG[8:20])
    held.extend(LONG[7:8])  # back-filled
    same(held.bars(50), LONG[:20])


def test_growing_keeps_what_is_there() -> None:
    held = window(5)
    held.extend(LONG[:30])
    held.grow(40)
    same(held.bars(40), LONG[25:30])
    held.extend(LONG[:60])
    same(held.bars(40), LONG[20:60])


def test_what_is_shown_can_not_be_written() -> None:
    held = window(5)
    held.extend(LONG[:5])
    assert not any(
        getattr(held.bars(5), name).flags.writeable
        for name in ("timestamp", "open", "high", "low", "close", "volume", "state")
    )


def test_only_windows_asked_for_take_bars_unless_there_is_a_default() -> None:
    asked, all_kept = Windows(), Windows(default_keep=10)
    for windows in (asked, all_kept):
        windows.append(ROWS[:3])
    assert asked.get(KEY) is None
    assert len(all_kept.get(KEY) or ()) == 3
    asked.keep([KEY], 5)
    asked.extend([LONG[:30]])
    assert len(asked.get(KEY) or ()) == 5
    asked.retain(set())
    assert asked.get(KEY) is None
