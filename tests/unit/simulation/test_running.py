"""Seeds in processes of their own."""

import pytest

from tests.simulation.running import apart
from tests.simulation.scenario import Mood


def test_a_seed_whose_process_ends_without_an_answer_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="the process of seed 7 died"):
        apart(7, mood=Mood.QUIET, symbols="ten")  # no number: it raises at once
