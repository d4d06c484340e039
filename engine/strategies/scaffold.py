"""`outcry strategies new NAME`: a file to start from, which runs as it is."""

import keyword
import re
from pathlib import Path

from engine.errors import StrategyError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_TEMPLATE = '''\
"""$NAME: say here in one line what it does; /strategies and the docs show it.

Try it:   outcry backtest $NAME --data FILE.csv --param length=30
Check it: outcry strategies check $NAME
Guide:    docs/strategies.md
"""

from decimal import Decimal

import numpy as np

from engine.strategies import indicators as ta
from engine.strategies.api import ExitPlan, FloatParam, IntParam, Strategy, Targets


class $CLASS(Strategy):
    """Long above the highest high of the last bars, flat below the lowest low."""

    # Parameters: default, bounds, help. On `self` they are plain numbers.
    length = IntParam(20, minimum=2, maximum=500, help="Channel length, bars.")
    stop = FloatParam(0.05, minimum=0.001, maximum=0.5, help="Stop, fraction of the entry price.")

    # Used where a run does not name its own.
    default_timeframe = "1h"

    # What it may see of the past, in bars. Too little, and it decides otherwise after a restart.
    @property
    def warmup(self):
        return ta.sma_warmup(self.length) + 1

    # When a position ends without a signal; kept by the engine, at the venue where it can be.
    @property
    def exit_plan(self):
        return ExitPlan(stop=Decimal(str(self.stop)))

    def decide(self, panel):
        """Say for every bar what to hold: 1 is all of the run's capital long, 0 nothing.

        The columns are NumPy arrays, oldest bar first, closed bars only. Bar i may use bars
        0..i; NaN says "no opinion, leave it as it is". A target acts when it changes.
        """
        wanted = {}
        for instrument_id, bars in panel.bars.items():
            upper, _, lower = ta.donchian(bars.high, bars.low, self.length)
            target = np.full(len(bars), np.nan)
            target[bars.close > ta.shifted(upper, 1)] = 1.0
            target[bars.close < ta.shifted(lower, 1)] = 0.0
            wanted[instrument_id] = Targets(target, tag="breakout")
        return wanted
'''


def write_template(folder: Path, name: str) -> Path:
    """Write NAME.py into the user's strategies folder, making it, and return the path.

    Raises:
        StrategyError: The name can't be one, something of that name is there already, or the
            folder can't be written. Nothing is overwritten.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise StrategyError(
            f"{name!r} can't name a strategy; use small letters, digits and _, "
            "beginning with a letter, at most 40"
        )
    path = folder / f"{name}.py"
    if (folder / name).exists():
        raise StrategyError(f"{folder / name} is there already; nothing was written")
    title = "".join(part.title() for part in name.split("_"))
    text = _TEMPLATE.replace("$NAME", name).replace("$CLASS", title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StrategyError(f"{folder} can't be made a folder: {error.strerror}") from error
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StrategyError(
            f"{path} is there already; nothing was written; choose another name"
        ) from None
    except OSError as error:
        raise StrategyError(f"{path} can't be written: {error.strerror}") from error
    return path
