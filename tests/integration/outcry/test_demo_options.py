"""What the demo is asked to play: options, folders and the service's environment."""

import json
from pathlib import Path

import pytest

from config.loading import load_settings
from config.settings import Settings
from outcry.demo_environment import sandbox_environment, service_environment
from outcry.demo_options import Options, Play, Refused, read_options

SAID: dict[str, object] = {
    "operator_id": 1001,
    "token": "123456:abc",
    "bot_api": "http://127.0.0.1:1/bot",
    "bot_files": "http://127.0.0.1:1/file/bot",
    "smtp_host": "127.0.0.1",
    "smtp_port": 2525,
    "smtp_ca": "ca.pem",
    "smtp_user": "outcry",
    "smtp_password": "p",
    "ntfy": "http://127.0.0.1:1/ntfy",
    "exchange": {
        "exchange": "binance",
        "market": "spot",
        "rest": "http://127.0.0.1:2/{host}",
        "ws": "ws://127.0.0.1:2/{host}",
        "key": "toy-key",
        "secret": "toy-secret",
    },
}


def options_of(*arguments: str) -> Options:
    return read_options(arguments, {"OUTCRY_DATA_DIR": "data"})


def settings_of(options: Options, environ: dict[str, str], tmp_path: Path) -> Settings:
    ours = service_environment(environ, SAID, options, 8000)
    return load_settings(options.settings, {**ours, "OUTCRY_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("arguments", "play", "market", "folder", "settings"),
    [
        ((), Play.REPLAY, "spot", "demo", "demo.yaml"),
        (("--sandbox-exchange",), Play.EXCHANGE, "spot", "exchange", "exchange.yaml"),
        (
            ("--sandbox-exchange", "linear"),
            *(Play.EXCHANGE, "linear", "exchange-linear", "exchange_linear.yaml"),
        ),
        (("--paper", "kraken", "BTC/USD"), Play.PAPER, "spot", "paper-kraken", "paper.yaml"),
        (
            ("--paper", "binance", "BTC/USDT:USDT", "ETH/USDT:USDT"),
            *(Play.PAPER, "linear", "paper-binance-linear", "paper.yaml"),
        ),
    ],
)
def test_each_kind_has_a_folder_and_settings_of_its_own(
    arguments: tuple[str, ...], play: Play, market: str, folder: str, settings: str
) -> None:
    options = options_of(*arguments)
    assert (options.play, options.market) == (play, market)
    assert options.folder == Path("data") / folder
    assert options.settings.name == settings


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--paper", "binance"), "wants an exchange and symbols"),
        (("--paper", "BTC/USDT", "ETH/USDT"), "wants an exchange and symbols"),
        (("--paper", "binance", "BTCUSDT"), "BTCUSDT is no symbol; write BTC/USDT"),
        (("--paper", "binance", "BTC/USDT", "BTC/USDT:USDT"), "two accounts"),
        (("--paper", "binance", "BTC/USDT", "ETH/BTC"), "different currencies"),
        (("--sandbox-exchange", "--speed", "60"), "--speed is for recorded prices"),
        (("--speed", "0"), "use a number above 0"),
        (("--port", "99999"), "use a number from 0 to 65535"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(
    arguments: tuple[str, ...], says: str
) -> None:
    with pytest.raises(Refused, match=says.replace("(", r"\(")) as refused:
        options_of(*arguments)
    assert refused.value.status == 2


def test_the_scripted_exchange_is_traded_in_testnet_by_its_own_key(tmp_path: Path) -> None:
    mine = {
        "OUTCRY_VENUE__KEY_FILE": "/run/secrets/real",
        "OUTCRY_VENUE__SECRET": "real",
        "OUTCRY_VENUE__PASSPHRASE": "real",
        "OUTCRY_ACCOUNT__MODE": "live",
    }
    settings = settings_of(options_of("--sandbox-exchange"), mine, tmp_path)
    assert settings.account.mode == "testnet"
    assert settings.venue.urls["rest"] == "http://127.0.0.1:2/{host}"
    assert settings.venue.key is not None
    assert settings.venue.key.get_secret_value() == "toy-key"
    assert settings.venue.key_file is settings.venue.passphrase is None
    assert all(run.start and run.exit_plan and run.exit_plan.stop for run in settings.runs)


def test_the_perpetuals_are_traded_with_the_leverage_that_the_exchange_has(tmp_path: Path) -> None:
    settings = settings_of(options_of("--sandbox-exchange", "linear"), {}, tmp_path)
    assert settings.venue.leverage == 5
    assert settings.account.allow_short
    assert all(":" in symbol for run in settings.runs for symbol in run.symbols)


def test_paper_has_a_run_with_a_stop_for_each_symbol_and_no_key(tmp_path: Path) -> None:
    options = options_of("--paper", "binance", "BTC/USDT", "ETH/USDT", "BTC/USDT")
    mine = {"OUTCRY_VENUE__KEY": "real", "OUTCRY_VENUE__SECRET": "real"}
    settings = settings_of(options, mine, tmp_path)
    assert settings.account.mode == "paper"
    assert settings.account.opening_cash == {"USDT": 100_000}
    assert settings.venue.key is settings.venue.secret is None
    assert [run.name for run in settings.runs] == ["btc", "eth"]
    assert [run.symbols for run in settings.runs] == [("BTC/USDT",), ("ETH/USDT",)]
    assert all(run.exit_plan is not None and run.exit_plan.stop for run in settings.runs)


def test_the_sandbox_is_told_no_secret() -> None:
    environ = {
        "PATH": "/bin",
        "TELEGRAM_TOKEN": "1:a",
        "OUTCRY_VENUE__KEY": "k",
        "OUTCRY_VENUE__SECRET": "s",
        "OUTCRY_EMAIL__PASSWORD": "p",
    }
    assert sandbox_environment(environ) == {"PATH": "/bin"}


def test_a_bot_of_the_users_own_is_left_to_him() -> None:
    ours = service_environment({"TELEGRAM_TOKEN": "1:a"}, SAID, options_of(), 8000)
    assert "OUTCRY_TELEGRAM__TOKEN" not in ours
    assert json.loads(ours["OUTCRY_EMAIL__RECIPIENTS"]) == ["you@example.com"]
