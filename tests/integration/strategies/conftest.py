"""A folder of strategies, bad ones for the most part, and a host that runs them for real."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.domain.ids import InstrumentId, RunId
from engine.ports import RunSpec
from engine.strategies.host import WorkerHost
from engine.strategies.registry import Registry
from engine.strategies.slot import Limits
from tests.fakes.walks import HOUR

HEADER = "import os, sys, time\nimport numpy as np\nfrom engine.strategies.api import *\n"

DECIDE = """
class Bad(Strategy):
    warmup = 5
    def decide(self, panel):
        wanted = {}
        for name, bars in panel.bars.items():
            n = len(bars)
            BODY
        return wanted
"""

Write = Callable[[str, str], None]


def spec(strategy: str, run: str = "", *instruments: str, **params: float) -> RunSpec:
    return RunSpec(
        run_id=RunId(run or strategy),
        strategy=strategy,
        params=params,
        instrument_ids=tuple(InstrumentId(item) for item in instruments or ("BTC/USDT",)),
        timeframe=HOUR,
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a strategy whose `decide` loop has this body, or a whole file if it says `class`."""

    def put(name: str, text: str) -> None:
        if "class " not in text:
            text = HEADER + DECIDE.replace("BODY", text.replace("\n", "\n            "))
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")

    return put


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[WorkerHost]:
    """One worker, so that every run shares it; a second's deadline: the machine may be busy."""
    host = WorkerHost(Registry(tmp_path), workers=1, limits=Limits(evaluate=1.0, load=20.0))
    yield host
    await host.close()
