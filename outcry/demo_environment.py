"""The service's environment in a demo: the user's, with the sandbox as its outside world."""

import json
from collections.abc import Mapping

from outcry.demo_options import Options, Play, Refused, money_of

MAIL_TO = "you@example.com"
PUSH_TOPIC = "outcry-demo"

_CAPITAL = 20_000  # of each run on paper
_OPENING_CASH = 100_000
# Secrets that the sandbox has no business with.
_SECRET_WORDS = ("TOKEN", "KEY", "SECRET", "PASSPHRASE", "PASSWORD")


def own_token(environ: Mapping[str, str]) -> bool:
    """Tell whether the user brought a bot of his own."""
    names = ("TELEGRAM_TOKEN", "OUTCRY_TELEGRAM__TOKEN", "OUTCRY_TELEGRAM__TOKEN_FILE")
    return any(environ.get(name) for name in names)


def sandbox_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the sandbox's environment: the user's, without secrets."""
    return {
        name: value
        for name, value in environ.items()
        if not any(word in name for word in _SECRET_WORDS)
    }


def service_environment(
    environ: Mapping[str, str], said: Mapping[str, object], options: Options, web_port: int
) -> dict[str, str]:
    """Return the service's environment.

    Args:
        said: The sandbox's line of addresses.
    """
    env = {**environ, **_outside_world(said, options, web_port)}
    if not own_token(environ):
        operator = {"id": said["operator_id"], "role": "admin"}
        env |= {
            "OUTCRY_TELEGRAM__TOKEN": str(said["token"]),
            "OUTCRY_TELEGRAM__BASE_URL": str(said["bot_api"]),
            "OUTCRY_TELEGRAM__BASE_FILE_URL": str(said["bot_files"]),
            "OUTCRY_TELEGRAM__OPERATORS": json.dumps([operator]),
        }
    if options.play is Play.REPLAY:
        return env | {"OUTCRY_REPLAY__SPEED": options.speed or "max"}
    # A key or a mode that is set for earnest trading never reaches a demo.
    env = {name: value for name, value in env.items() if not _is_of_a_key(name)}
    if options.play is Play.EXCHANGE:
        return env | _scripted_exchange(said.get("exchange"))
    return env | _on_paper(options)


def _is_of_a_key(name: str) -> bool:
    return name.startswith(("OUTCRY_VENUE__KEY", "OUTCRY_VENUE__SECRET", "OUTCRY_VENUE__PASS"))


def _outside_world(said: Mapping[str, object], options: Options, web_port: int) -> dict[str, str]:
    return {
        "OUTCRY_DATA_DIR": str(options.folder),
        "OUTCRY_WEB__HOST": "127.0.0.1",
        "OUTCRY_WEB__PORT": str(web_port),
        "OUTCRY_EMAIL__HOST": str(said["smtp_host"]),
        "OUTCRY_EMAIL__PORT": str(said["smtp_port"]),
        "OUTCRY_EMAIL__SECURITY": "starttls",
        "OUTCRY_EMAIL__CA_FILE": str(said["smtp_ca"]),
        "OUTCRY_EMAIL__USERNAME": str(said["smtp_user"]),
        "OUTCRY_EMAIL__PASSWORD": str(said["smtp_password"]),
        "OUTCRY_EMAIL__SENDER": "outcry@example.com",
        "OUTCRY_EMAIL__RECIPIENTS": json.dumps([MAIL_TO]),
        "OUTCRY_PUSH__SERVER": str(said["ntfy"]),
        "OUTCRY_PUSH__TOPIC": PUSH_TOPIC,
    }


def _scripted_exchange(hosted: object) -> dict[str, str]:
    if not isinstance(hosted, Mapping):
        raise Refused("the sandbox runs no exchange; nothing was started")
    return {
        "OUTCRY_ACCOUNT__MODE": "testnet",
        "OUTCRY_VENUE__EXCHANGE": str(hosted["exchange"]),
        "OUTCRY_VENUE__MARKET": str(hosted["market"]),
        "OUTCRY_VENUE__URLS": json.dumps({"rest": hosted["rest"], "ws": hosted["ws"]}),
        "OUTCRY_VENUE__KEY": str(hosted["key"]),
        "OUTCRY_VENUE__SECRET": str(hosted["secret"]),
    }


def _on_paper(options: Options) -> dict[str, str]:
    money = money_of(options.symbols[0])
    return {
        "OUTCRY_ACCOUNT__MODE": "paper",
        "OUTCRY_ACCOUNT__REPORTING": money,
        "OUTCRY_ACCOUNT__OPENING_CASH": json.dumps({money: _OPENING_CASH}),
        "OUTCRY_VENUE__EXCHANGE": options.exchange,
        "OUTCRY_VENUE__MARKET": options.market,
        "OUTCRY_RUNS": json.dumps([_run(symbol) for symbol in options.symbols]),
    }


def _run(symbol: str) -> dict[str, object]:
    """Return the settings of one symbol's run, named by what is bought: btc."""
    return {
        "name": symbol.partition("/")[0].lower(),
        "strategy": "ema_crossover",
        "params": {"fast": 5, "slow": 15},
        "symbols": [symbol],
        "timeframe": "1m",
        "capital": _CAPITAL,
        "exit_plan": {"stop": 0.01},
        "start": True,
    }
