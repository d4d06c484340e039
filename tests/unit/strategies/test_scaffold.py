from pathlib import Path

import pytest

from engine.errors import StrategyError
from engine.strategies.listing import listed
from engine.strategies.loader import Loader
from engine.strategies.registry import Registry
from engine.strategies.scaffold import write_template


def test_it_writes_a_strategy_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "custom" / "strategies"
    path = write_template(folder, "mean_break")
    assert path == folder / "mean_break.py"
    views = {view.name: view for view in listed(Registry(folder), Loader())}
    assert views["mean_break"].error == ""
    assert views["mean_break"].source == "mean_break.py"
    assert [param.name for param in views["mean_break"].params] == ["length", "stop"]
    assert "class MeanBreak(Strategy)" in path.read_text()
    assert "$" not in path.read_text()


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    path = write_template(tmp_path, "mine")
    path.write_text("mine\n")
    (tmp_path / "pack").mkdir()
    for name in ("mine", "pack"):
        with pytest.raises(StrategyError, match="is there already; nothing was written"):
            write_template(tmp_path, name)
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("name", ["", "My", "1st", "a-b", "../a", "class", "_a", "a" * 41, "ä"])
def test_names_that_can_not_be_one_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="can't name a strategy"):
        write_template(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StrategyError, match="can't be made a folder: File exists"):
        write_template(tmp_path / "file", "mine")
