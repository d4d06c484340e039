"""The guide's example is a strategy that loads and passes the checks."""

import re
from pathlib import Path

from engine.bars import Panel
from engine.strategies.checks import check_no_lookahead, check_warmup
from engine.strategies.loader import Loader
from engine.strategies.registry import Registry
from tests.fakes.walks import HOUR, walk

GUIDE = Path(__file__).parents[3] / "docs" / "strategies.md"


def test_the_example_of_the_guide_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_breakout.py").write_text(code, encoding="utf-8")
    loaded = Loader().load(Registry(tmp_path).find("my_breakout"))
    strategy = loaded.build({"length": 10}, HOUR)
    assert loaded.describe(strategy).warmup_bars == 11
    bars = walk(count=300)
    panel = Panel(HOUR, {bars.instrument_id: bars}, {})
    assert check_no_lookahead(strategy, panel) == ()
    assert check_warmup(strategy, panel) == ()
