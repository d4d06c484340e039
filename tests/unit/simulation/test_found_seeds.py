"""Seeds that found something: played as far as it took, so that it is not found again."""

import pytest

from tests.simulation.running import play
from tests.simulation.scenario import Mood

# (seed, virtual seconds, what it was)
FOUND = (
    (6, 21_600.0, "a netted wallet compared by each book's own average cost"),
    (5, 34_900.0, "a fill that waited behind another order's lost answer"),
    (4, 43_200.0, "a conditional order, rejected as it triggered, that counted as working"),
    (59, 28_600.0, "an exit that waited for the cancel of another instrument's entry"),
    (1042, 2_400.0, "an entry that left after a kill, once the exit before it was answered"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "seconds", "what"), FOUND, ids=[str(row[0]) for row in FOUND])
def test_what_a_seed_has_found_stays_mended(seed: int, seconds: float, what: str):
    result = play(seed, Mood.ROUGH, seconds=seconds)
    assert result.violations == [], what


# Of quiet days with three instruments.
FOUND_QUIET = (
    (26, 4_200.0, "a stop that gave way to an exit which waited at its limit"),
    (16, 23_800.0, "a position too small for any order that was told of as unprotected"),
)


@pytest.mark.parametrize(
    ("seed", "seconds", "what"), FOUND_QUIET, ids=[str(row[0]) for row in FOUND_QUIET]
)
def test_what_a_quiet_seed_has_found_stays_mended(seed: int, seconds: float, what: str):
    result = play(seed, Mood.QUIET, seconds=seconds, symbols=3)
    assert result.violations == [], what
    assert not result.loud, result.loud_kinds
