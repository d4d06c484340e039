"""Settings: where they come from, and everything that is wrong at once."""

from decimal import Decimal
from pathlib import Path

import pytest

from config.loading import SettingsError, load_settings
from config.settings import Settings

ROOT = Path(__file__).parents[3]
TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"


def written(folder: Path, text: str, name: str = "outcry.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, environ or {})
    return caught.value.problems


def test_a_misspelt_key_names_the_nearest_valid_one(tmp_path: Path) -> None:
    path = written(tmp_path, "telegram:\n  operatrs: []\n")
    assert problems(path) == (
        "outcry.yaml: telegram.operatrs: no such key; did you mean telegram.operators?",
    )


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "account: {day_cut: '25:00', time_zone: Mars/X}\n"
        "replay: {data: [{fil: a.csv}]}\n"
        "runs: [{name: a, strategy: s, symbols: [X], timeframe: 1x, capital: 0}]\n",
    )
    found = problems(path, {"OUTCRY_WEB__PORT": "many", "OUTCRY_RUNZ": "1"})
    for key in (
        *("account.day_cut", "account.time_zone", "replay.data[0].file", "replay.data[0].fil:"),
        *(
            "runs[0].timeframe",
            "runs[0].capital",
            "OUTCRY_WEB__PORT: web.port",
            "did you mean runs",
        ),
    ):
        assert any(key in line for line in found), key
    assert all("\n" not in line for line in found)


def test_a_problem_names_the_file_it_was_written_in(tmp_path: Path) -> None:
    written(tmp_path, "risk: {max_daily_loss: 7}\n", "limits.yaml")
    path = written(tmp_path, "include: limits.yaml\naccount: {mode: rplay}\n")
    found = problems(path)
    assert any(line.startswith("limits.yaml: risk.max_daily_loss: 7:") for line in found)
    assert any(line.startswith("outcry.yaml: account.mode: 'rplay':") for line in found)


def test_the_including_file_wins_and_maps_merge(tmp_path: Path) -> None:
    written(tmp_path, "web: {host: 0.0.0.0, port: 1}\nrisk: {price_collar: 0.1}\n", "base.yaml")
    settings = load_settings(written(tmp_path, "include: [base.yaml]\nweb: {port: 2}\n"), {})
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 2)  # noqa: S104
    assert settings.risk.price_collar == Decimal("0.1")


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    assert "includes itself" in problems(written(tmp_path, "include: outcry.yaml\n"))[0]


def test_the_environment_wins_over_files_with_lists_and_maps_as_json(tmp_path: Path) -> None:
    path = written(tmp_path, "web: {port: 1}\nreplay: {speed: 60}\n")
    settings = load_settings(
        path,
        {
            "OUTCRY_WEB__PORT": "2",
            "OUTCRY_REPLAY__SPEED": "max",
            "OUTCRY_TELEGRAM__OPERATORS": '[{"id": 42, "role": "admin"}]',
            "OUTCRY_ACCOUNT__OPENING_CASH": '{"EUR": 0.1}',
        },
    )
    assert settings.web.port == 2
    assert settings.replay.speed == "max"
    assert settings.telegram.operators[0].id == 42
    assert settings.account.opening_cash == {"EUR": Decimal("0.1")}


def test_json_that_is_none_is_one_line(tmp_path: Path) -> None:
    found = problems(written(tmp_path, ""), {"OUTCRY_RUNS": "[{"})
    assert len(found) == 1
    assert found[0].startswith("OUTCRY_RUNS: not valid JSON")


@pytest.mark.parametrize("name", ["TELEGRAM_TOKEN", "OUTCRY_TELEGRAM__TOKEN"])
def test_a_secret_comes_from_the_environment_and_is_in_no_repr(name: str) -> None:
    settings = load_settings(None, {name: TOKEN})
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings)
    assert TOKEN not in settings.model_dump_json()


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = written(tmp_path, f"{TOKEN}\n", "token")
    settings = load_settings(None, {"OUTCRY_TELEGRAM__TOKEN_FILE": str(file)})
    assert settings.telegram.token is not None
    assert settings.telegram.token.get_secret_value() == TOKEN
    found = problems(written(tmp_path, "push: {token_file: nowhere}\n"))
    assert "push.token_file" in found[0]
    assert "check the path" in found[0]


def test_a_secret_in_the_settings_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = problems(written(tmp_path, f"telegram: {{token: '{TOKEN}', basee: 1}}\n"))
    assert any("OUTCRY_TELEGRAM__TOKEN" in line for line in found)
    assert not any(TOKEN in line for line in found)


def test_a_time_of_day_is_text_without_quotes(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "account: {day_cut: 17:00}\n"), {})
    assert settings.account.day_cut == "17:00"


def test_money_is_exactly_what_was_written(tmp_path: Path) -> None:
    text = "replay: {slippage: 0.1}\nrisk: {max_order_value: 0.3}\n"
    settings = load_settings(written(tmp_path, text), {})
    assert settings.replay.slippage == Decimal("0.1")
    assert settings.risk.max_order_value == Decimal("0.3")


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    found = problems(written(tmp_path, "web: {port: 1}\nweb: {port: 2}\n"))
    assert found == (
        "outcry.yaml, line 2: not valid YAML (the key web is there twice); correct it there",
    )


def test_broken_yaml_names_its_line(tmp_path: Path) -> None:
    assert "line 2" in problems(written(tmp_path, "web:\n  port: : 1\n"))[0]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in problems(tmp_path / "none.yaml")[0]


def test_paths_are_relative_to_the_file_they_are_written_in(tmp_path: Path) -> None:
    path = written(tmp_path, "replay: {data: [{file: bars/X.csv}]}\nstrategies: {folder: mine}\n")
    settings = load_settings(path, {})
    assert settings.replay.data[0].file == tmp_path / "bars" / "X.csv"
    assert settings.strategies.folder == tmp_path / "mine"


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    run = "{name: %s, strategy: s, symbols: [X], timeframe: 1h, capital: 1}"
    found = problems(written(tmp_path, f"runs: [{run % 'a'}, {run % 'A'}]\n"))
    assert "two runs are named A" in found[0]


def test_config_is_found_by_option_then_variable_then_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}).web.port == 8080
    written(tmp_path, "web: {port: 1}\n")
    named = written(tmp_path, "web: {port: 2}\n", "named.yaml")
    given = written(tmp_path, "web: {port: 3}\n", "given.yaml")
    assert load_settings(None, {}).web.port == 1
    assert load_settings(None, {"OUTCRY_CONFIG": str(named)}).web.port == 2
    assert load_settings(given, {"OUTCRY_CONFIG": str(named)}).web.port == 3


def test_the_demo_settings_are_valid_and_their_data_is_there() -> None:
    settings = load_settings(ROOT / "config" / "demo.yaml", {})
    assert settings.runs
    assert all(item.file.exists() for item in settings.replay.data)


def test_the_example_works_when_copied_to_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "sandbox").symlink_to(ROOT / "sandbox")
    text = (ROOT / "config" / "example.yaml").read_text()
    settings = load_settings(written(tmp_path, text), {})
    assert settings.runs
    assert all(item.file.exists() for item in settings.replay.data)


def test_the_example_names_every_key() -> None:
    text = (ROOT / "config" / "example.yaml").read_text()
    for section, field in Settings.model_fields.items():
        assert f"{section}:" in text
        for key in getattr(field.annotation, "model_fields", {}):
            if key not in {"token", "password", "key", "secret", "passphrase"}:
                assert f"{key}:" in text, f"{section}.{key}"
