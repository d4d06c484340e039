"""A few short days in the ordinary suite; that a seed repeats itself; that the judge notices."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from engine.domain.orders import Order
from engine.handlers.fills import Fills
from engine.handlers.protection import NOTHING_TO_DO, Protection
from notifiers import retry
from notifiers.worker import ChannelWorker, _Result
from tests.simulation.running import play
from tests.simulation.scenario import Mood
from tests.simulation.venue.simulated import SimulatedVenue
from tests.source_tree import ROOT

HOUR = 3_600.0

_DIGEST = """
import sys
from tests.simulation.running import play, silence
from tests.simulation.scenario import Mood
silence()
result = play(int(sys.argv[1]), Mood.ROUGH, seconds=7200.0, symbols=2)
assert not result.violations, result.violations
sys.stdout.write(result.digest)
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_without_trouble_ends_with_equal_books(seed):
    result = play(seed, Mood.FLAT, seconds=3 * HOUR, symbols=2)
    assert result.violations == []
    assert result.fills > 10


@pytest.mark.parametrize("seed", range(1, 5))
def test_hours_of_trouble_break_no_promise(seed):
    result = play(seed, Mood.ROUGH, seconds=3 * HOUR, symbols=2)
    assert result.violations == []
    assert result.checks > 100


def test_a_seed_writes_the_same_log_in_every_process():
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST, "3"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    here = play(3, Mood.ROUGH, seconds=7_200.0, symbols=2)
    assert digests == {here.digest}
    assert play(4, Mood.ROUGH, seconds=7_200.0, symbols=2).digest != here.digest


# --- a judge that can't fail judges nothing ------------------------------------------------------


def _forgets_a_fill(patch: pytest.MonkeyPatch) -> None:
    book, seen = Fills.book, []

    async def forgetful(self, fill):
        seen.append(fill.key)
        return False if fill.key in seen[::5] else await book(self, fill)

    patch.setattr(Fills, "book", forgetful)


def _places_no_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Protection, "intents", lambda *_: NOTHING_TO_DO)


def _loses_alerts(patch: pytest.MonkeyPatch) -> None:
    async def pretends(self, delivery):
        return _Result(delivery=retry.sent(delivery, "none", self._clock.now()))

    patch.setattr(ChannelWorker, "_try", pretends)


def _sends_twice(patch: pytest.MonkeyPatch) -> None:
    submit = SimulatedVenue.submit_order

    async def eager(self: SimulatedVenue, order: Order):
        await submit(self, order)
        self._sent.clear()
        return await submit(self, order)

    patch.setattr(SimulatedVenue, "submit_order", eager)


@pytest.mark.parametrize(
    ("sabotage", "invariants"),
    [
        (_forgets_a_fill, {"all comes to rest", "no fill lost"}),
        (_places_no_stops, {"no position without its stop"}),
        (_loses_alerts, {"all comes to rest", "no alert lost"}),
        (_sends_twice, {"no order sent twice"}),
    ],
)
def test_the_judge_notices(
    sabotage: Callable[[pytest.MonkeyPatch], None],
    invariants: set[str],
    monkeypatch: pytest.MonkeyPatch,
):
    sabotage(monkeypatch)
    result = play(1, Mood.FLAT, seconds=2 * HOUR, symbols=2)
    assert {violation.invariant for violation in result.violations} & invariants
