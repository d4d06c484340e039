"""A sample of the crash matrix; `make crashtest` plays all of it."""

import subprocess
import sys

import pytest

from tests.crash.awaits import ROOT


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_sample_of_the_crash_matrix_loses_and_repeats_nothing() -> None:
    options = ["--scenario", "signal-exit", "--sample", "7", "--jobs", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines()[-6:])
    assert int(counts.pop("cases")) >= 5  # a case whose place is not reached does not count
    assert int(counts.pop("unprotected seconds")) <= 5
    assert set(counts.values()) == {"0"}
