"""The gate before an account may trade: which modes run, and what live asks for."""

from collections.abc import Mapping

from config.settings import Settings
from engine.domain.accounts import TradingMode
from engine.errors import ConfigError

ALLOW_LIVE = "OUTCRY_ALLOW_LIVE"
AVAILABLE = frozenset({TradingMode.REPLAY})


def check_mode(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse a mode that this version can't run, and live trading nobody has allowed twice.

    Live needs `account.mode: live`, OUTCRY_ALLOW_LIVE naming the account, and an audit of the
    API key by the venue that is connected to.

    Raises:
        ConfigError: One line: what is missing, and that nothing was started.
    """
    account = settings.account
    if account.mode is TradingMode.LIVE and environ.get(ALLOW_LIVE) != account.id:
        raise ConfigError(
            f"account {account.id} is set to live, and {ALLOW_LIVE} does not name it. Nothing was "
            f"started. Live trading needs account.mode: live, {ALLOW_LIVE}={account.id} in the "
            "environment, and an API key without the right to withdraw"
        )
    if account.mode not in AVAILABLE:
        raise ConfigError(
            f"account.mode: {account.mode} is not in this version, which plays recorded data only. "
            "Nothing was started. Set account.mode to replay"
        )
