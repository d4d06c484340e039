"""Finding strategies without importing them, and importing them where that is allowed."""

import sys
from pathlib import Path

import pytest

from engine.domain.bars import Timeframe
from engine.errors import StrategyError
from engine.strategies.listing import listed
from engine.strategies.loader import Loader
from engine.strategies.registry import BUILT_IN, Registry
from tests.fakes.walks import HOUR
from tests.unit.strategies.conftest import Write

GOOD = "class Mine(Strategy):\n    warmup = 3\n    def decide(self, panel): return {}\n"


def load(folder: Path, name: str = "mine", loader: Loader | None = None):
    return (loader or Loader()).load(Registry(folder).find(name))


def test_built_ins_are_there_without_a_folder() -> None:
    assert list(Registry().sources()) == ["ema_crossover", "rsi_reversion"]
    assert list(Registry(Path("nowhere")).sources()) == ["ema_crossover", "rsi_reversion"]


def test_files_and_packages_are_found_and_helpers_are_not(tmp_path: Path, write: Write) -> None:
    write("mine.py", GOOD)
    write("pack/strategy.py", GOOD)
    write("_helper.py", GOOD)
    write("no-name.py", GOOD)
    write("empty/other.py", GOOD)
    write("__pycache__/strategy.py", GOOD)
    (tmp_path / "notes.txt").write_text("x")
    found = Registry(tmp_path).sources()
    assert list(found) == ["ema_crossover", "mine", "pack", "rsi_reversion"]
    assert found["mine"].origin == "mine.py"
    assert found["pack"].origin == "pack/strategy.py"
    assert found["ema_crossover"].origin == BUILT_IN


def test_a_users_file_overrides_a_built_in(tmp_path: Path, write: Write) -> None:
    write("ema_crossover.py", GOOD)
    assert Registry(tmp_path).find("ema_crossover").origin == "ema_crossover.py"
    assert load(tmp_path, "ema_crossover").cls.__name__ == "Mine"


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(StrategyError, match="'ema_crosover'; did you mean ema_crossover"):
        Registry().find("ema_crosover")
    with pytest.raises(StrategyError, match="there are: ema_crossover, rsi_reversion"):
        Registry().find("zzz")


def test_finding_imports_nothing(tmp_path: Path, write: Write) -> None:
    write("mine.py", "raise SystemError('imported')\n" + GOOD)
    source = Registry(tmp_path).find("mine")
    assert len(source.code_hash()) == 64


def test_the_code_hash_covers_every_file_of_a_package(tmp_path: Path, write: Write) -> None:
    write("pack/strategy.py", GOOD)
    helper = write("pack/helper.py", "A = 1\n")
    before = Registry(tmp_path).find("pack").code_hash()
    helper.write_text("A = 2\n")
    assert Registry(tmp_path).find("pack").code_hash() != before
    helper.write_text("import numpy as np\nfrom engine.strategies.api import *\nA = 1\n")
    assert Registry(tmp_path).find("pack").code_hash() == before
    helper.rename(helper.with_name("renamed.py"))
    assert Registry(tmp_path).find("pack").code_hash() != before


def test_a_package_may_import_its_neighbours(tmp_path: Path, write: Write) -> None:
    write("pack/helper.py", "WARMUP = 7\n")
    write("pack/strategy.py", "from .helper import WARMUP\n" + GOOD.replace("= 3", "= WARMUP"))
    code = load(tmp_path, "pack")
    assert code.describe(code.build({}, HOUR)).warmup_bars == 7
    write("pack/__init__.py", "")
    assert load(tmp_path, "pack").cls.__name__ == "Mine"


def test_a_changed_file_is_imported_anew_and_an_unchanged_one_is_not(
    tmp_path: Path, write: Write
) -> None:
    loader = Loader()
    write("mine.py", GOOD)
    first = load(tmp_path, loader=loader)
    assert load(tmp_path, loader=loader) is first
    write("mine.py", GOOD.replace("= 3", "= 4"))
    second = load(tmp_path, loader=loader)
    assert second.code_hash != first.code_hash
    assert second.cls.warmup == 4
    loaded = [name for name in sys.modules if name.startswith("outcry_strategies_mine_")]
    assert len(loaded) == 1


def test_among_several_classes_the_files_namesake_is_taken(tmp_path: Path, write: Write) -> None:
    write("my_way.py", GOOD + GOOD.replace("Mine", "MyWay") + GOOD.replace("Mine", "Base"))
    assert load(tmp_path, "my_way").cls.__name__ == "MyWay"


def test_an_imported_strategy_does_not_count(tmp_path: Path, write: Write) -> None:
    write(
        "mine.py",
        "from engine.strategies.builtin.ema_crossover import EmaCrossover\n"
        "class Mine(EmaCrossover):\n    '''As the built-in.'''\n",
    )
    assert load(tmp_path).cls.__name__ == "Mine"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1", "mine.py defines no class derived from Strategy"),
        (GOOD.replace("Mine", "A") + GOOD.replace("Mine", "B"), "several strategies (A, B)"),
        ("class A(Strategy):\n    warmup = 1", "A has no decide method"),
        ("1 / 0", "ZeroDivisionError: division by zero (mine.py:3)"),
        ("def f(:", "SyntaxError: "),
        ("import nothing_such", "No module named 'nothing_such' (mine.py:3)"),
        ("import sys; sys.exit('bye')", "it called sys.exit(bye)"),
        (
            "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd",
            "Odd: (its text can't be shown) (mine.py:5)",
        ),
        (GOOD + "    def work(self, panel, positions): return ()", "Mine.work is not run yet"),
        (GOOD + "    def confirm(self, order): return ''", "Mine.confirm is not run yet"),
        (GOOD + "    def on_fill(self, state, fill): return None", "Mine.on_fill is not run yet"),
    ],
)
def test_what_can_not_be_loaded_says_why_in_one_line(
    code: str, message: str, tmp_path: Path, write: Write
) -> None:
    write("mine.py", code)
    with pytest.raises(StrategyError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_relative_folder_names_files_too(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("mine.py", "1 / 0")
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(StrategyError, match=r"division by zero \(mine.py:3\)"):
        load(Path(tmp_path.name))


def test_a_long_message_is_cut(tmp_path: Path, write: Write) -> None:
    write("mine.py", "raise ValueError('x' * 100_000)")
    with pytest.raises(StrategyError) as caught:
        load(tmp_path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("warmup = 'much'", "Mine.warmup is 'much'"),
        ("warmup = -1", "Mine.warmup is -1"),
        ("warmup = True", "Mine.warmup is True"),
        ("warmup = 10_000_000", "from 0 to 100000"),
        ("higher_timeframes = ('4x',)", "'4x' is not a time frame"),
        ("higher_timeframes = ('1h',)", "1h is not a multiple of the run's 1h"),
        ("higher_timeframes = ('90m',)", "90m is not a multiple"),
        ("exit_plan = 0.02", "Mine.exit_plan is a float"),
        ("cooldown = 5", "Mine.cooldown is not run yet"),
        ("policy = None", "Mine.policy is None"),
        ("exit_plan = property(lambda self: 1 / 0)", "ZeroDivisionError"),
    ],
)
def test_what_a_run_must_know_is_checked_at_load(
    lines: str, message: str, tmp_path: Path, write: Write
) -> None:
    write("mine.py", GOOD + f"    {lines}\n")
    code = load(tmp_path)
    with pytest.raises(StrategyError) as caught:
        code.describe(code.build({}, HOUR))
    assert message in str(caught.value)


def test_a_loaded_run_is_described(tmp_path: Path, write: Write) -> None:
    write(
        "mine.py",
        GOOD
        + "    higher_timeframes = ('4h', '1d')\n    def adjust(self, state, bar): return None",
    )
    code = load(tmp_path)
    info = code.describe(code.build({}, HOUR))
    assert info.warmup_bars == 3
    assert info.higher_timeframes == (Timeframe.parse("4h"), Timeframe.parse("1d"))
    assert info.adjusts
    assert info.code_hash == Registry(tmp_path).find("mine").code_hash()


def test_prepare_runs_once_with_the_parameters_set(tmp_path: Path, write: Write) -> None:
    write(
        "mine.py",
        "class Mine(Strategy):\n    length = IntParam(3, minimum=1, maximum=9)\n"
        "    def prepare(self): self.model = [self.length]\n"
        "    @property\n    def warmup(self): return self.model[0]\n"
        "    def decide(self, panel): return {}\n",
    )
    code = load(tmp_path)
    assert code.describe(code.build({"length": 5}, HOUR)).warmup_bars == 5


def test_the_list_has_broken_files_with_their_error(tmp_path: Path, write: Write) -> None:
    write("bad.py", "1 / 0")
    write(
        "mine.py", GOOD.replace("warmup = 3", "'''One line.\n\n    More.\n    '''\n    warmup = 3")
    )
    views = {view.name: view for view in listed(Registry(tmp_path), Loader())}
    assert views["bad"].error == "ZeroDivisionError: division by zero (bad.py:3)"
    assert (views["mine"].summary, views["mine"].error) == ("One line.", "")
    assert views["ema_crossover"].source == BUILT_IN
