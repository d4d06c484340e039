"""What a worker leaves behind for its host to read."""

import os

from engine.strategies.progress import NOBODY, Progress, State


def test_what_one_writes_the_other_reads_and_at_first_nobody_is_at_work() -> None:
    here = Progress.create()
    there = Progress(os.dup(here.descriptor))
    try:
        assert here.read() == NOBODY
        for state in (State(1, 0), State(70_000, 3), NOBODY):
            there.write(state)
            assert here.read() == state
    finally:
        here.close()
        there.close()


def test_it_may_be_closed_twice() -> None:
    progress = Progress.create()
    progress.close()
    progress.close()
