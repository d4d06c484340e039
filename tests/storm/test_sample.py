"""A short storm; `make stormtest` is ten minutes of it."""

import subprocess
import sys

import pytest

from tests.crash.awaits import ROOT


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_storm_loses_nothing_and_needs_nobody() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.storm", "20", "--seed", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *_, last = done.stdout.splitlines()
    assert last == (
        "duplicate orders 0, lost fills 0, lost alerts 0, ledger differences 0, "
        f"unprotected seconds {last.split('unprotected seconds ')[1][0]}, a person was needed 0"
    )
