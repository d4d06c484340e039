"""A short storm; `make stormtest` is ten minutes of it."""

import re
import subprocess
import sys

import pytest

from tests.crash.awaits import ROOT


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_short_storm_loses_nothing_and_needs_nobody() -> None:
    options = ["40", "--seed", "7", "--symbols", "4"]  # 20 were too few on a busy machine
    done = subprocess.run(
        [sys.executable, "-m", "tests.storm", *options], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^orders accepted +[1-9]", done.stdout, re.MULTILINE), done.stdout
    *_, last = done.stdout.splitlines()
    assert re.fullmatch(
        "duplicate orders 0, lost fills 0, lost alerts 0, ledger differences 0, "
        "unprotected seconds [0-5], a person was needed 0",
        last,
    )
