"""The gate before an account may trade: what each mode asks for.

Live asks for three independent things: `account.mode: live`, OUTCRY_ALLOW_LIVE naming the account,
and an API key without the right to withdraw. The first two are checked here, before anything is
started; the key is audited by the venue, at the start of the engine.
"""

from collections.abc import Mapping

from config.settings import Settings
from engine.domain.accounts import TradingMode
from engine.errors import ConfigError

ALLOW_LIVE = "OUTCRY_ALLOW_LIVE"
WITH_KEYS = frozenset({TradingMode.TESTNET, TradingMode.SHADOW, TradingMode.LIVE})


def check_mode(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse what the mode lacks, and live trading that nobody has allowed twice.

    Raises:
        ConfigError: One line: what is missing, and that nothing was started.
    """
    account = settings.account
    if account.mode is TradingMode.BACKTEST:
        raise ConfigError(
            "account.mode: backtest is what `outcry backtest` runs in. Nothing was started. Set "
            "account.mode to replay, paper, testnet, shadow or live"
        )
    if account.mode is TradingMode.LIVE and account.id not in _allowed(environ):
        raise ConfigError(
            f"account {account.id} is set to live, and {ALLOW_LIVE} does not name it. Nothing was "
            f"started. Live trading needs account.mode: live, {ALLOW_LIVE}={account.id} in the "
            "environment, and an API key without the right to withdraw"
        )
    if account.mode in WITH_KEYS and (settings.venue.key is None or settings.venue.secret is None):
        raise ConfigError(
            f"account {account.id} is set to {account.mode}, and there is no key for "
            f"{settings.venue.exchange}. Nothing was started. Set OUTCRY_VENUE__KEY and "
            "OUTCRY_VENUE__SECRET, or venue.key_file and venue.secret_file"
        )


def _allowed(environ: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name.strip() for name in environ.get(ALLOW_LIVE, "").split(","))
