"""`outcry strategies`."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine.bars import Bars, Panel
from engine.domain.views import ParamView, StrategyView
from engine.errors import ConfigError
from engine.strategies.checks import check_no_lookahead, check_warmup
from engine.strategies.host import WorkerHost
from engine.strategies.loader import Loader
from engine.strategies.registry import Registry
from engine.strategies.scaffold import write_template
from engine.venues.datafiles import read_bars
from outcry.commands.common import params_of, settings_of

BUNDLED = Path(__file__).resolve().parents[2] / "sandbox" / "data" / "1h" / "EURUSD.csv"
_SHOWN = 5


def print_strategies(config: Path | None, *, as_json: bool) -> int:
    """List them; user code is loaded in a worker process. 1 when one can't be loaded."""
    folder = settings_of(config).strategies.folder
    views = asyncio.run(_listed(folder))
    if as_json:
        print(msgspec.json.encode(views).decode())
    else:
        for view in views:
            _print(view)
        print(f"Yours go into {folder}; begin one with: outcry strategies new NAME")
    return 1 if any(view.error for view in views) else 0


async def _listed(folder: Path) -> tuple[StrategyView, ...]:
    host = WorkerHost(Registry(folder))
    try:
        return await host.strategies()
    finally:
        await host.close()


def _print(view: StrategyView) -> None:
    print(f"{view.name} ({view.source})")
    print(f"  {view.error or view.summary}")
    for param in view.params:
        print(f"    {param.name}={_plain(param.default)}{_bounds(param)}  {param.help}")


def _bounds(param: ParamView) -> str:
    if param.minimum is None or param.maximum is None:
        return ""
    return f" ({_plain(param.minimum)} to {_plain(param.maximum)})"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def new_strategy(config: Path | None, name: str) -> int:
    path = write_template(settings_of(config).strategies.folder, name)
    print(f"Written: {path}")
    print(f"Check it: outcry strategies check {name}")
    return 0


def check_strategy(
    config: Path | None,
    name: str,
    data: Sequence[Path],
    given: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Run both proofs in this process; 1 when one finds a difference."""
    code = Loader().load(Registry(settings_of(config).strategies.folder).find(name))
    panel = _panel([read_bars(path) for path in data or (BUNDLED,)])
    strategy = code.build(params_of(given), panel.timeframe)
    ahead = [str(one) for one in check_no_lookahead(strategy, panel, most=500)]
    warmup = [str(one) for one in check_warmup(strategy, panel, most=200)]
    if as_json:
        print(json.dumps({"strategy": name, "look_ahead": ahead, "warmup": warmup}))
    else:
        _tell("no look-ahead", ahead, f"{name} decides with bars it could not have seen")
        _tell("warm-up long enough", warmup, f"{name} needs a longer `warmup`")
    return 1 if ahead or warmup else 0


def _tell(proof: str, differences: Sequence[str], verdict: str) -> None:
    if not differences:
        print(f"OK    {proof}")
        return
    print(f"FAIL  {proof}: {verdict}; {len(differences)} bars differ, such as")
    for line in differences[:_SHOWN]:
        print(f"      {line}")


def _panel(series: Sequence[Bars]) -> Panel:
    timeframes = {bars.timeframe for bars in series}
    if len(timeframes) > 1:
        raise ConfigError("--data: all files need the same time frame; check them one by one")
    (timeframe,) = timeframes
    return Panel(timeframe, {bars.instrument_id: bars for bars in series}, {})
