"""`outcry run`."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from config.settings import Settings
from engine.errors import ConfigError, OutcryError
from engine.service import EngineService
from outcry.app import serve
from outcry.commands.common import settings_of
from outcry.logs import configure_logs


def run_service(
    config: Path | None, parts: Sequence[str] = (), *, exit_with_stdin: bool = False
) -> int:
    """Run until told to stop; 0 after an orderly stop.

    Raises:
        ConfigError: Only a part was asked for, which needs a shared bus and database.
    """
    if not set(parts) <= {"all"}:
        raise ConfigError(
            f"run {' '.join(parts)}: this version runs engine, bot, notifiers and web in one "
            "process; leave the names out"
        )
    settings = settings_of(config)
    configure_logs(level=settings.log.level, form=settings.log.format, secrets=secrets_of(settings))
    try:
        asyncio.run(
            serve(settings, os.environ, on_ready=_say_ready, exit_with_stdin=exit_with_stdin)
        )
    except ExceptionGroup as failed:
        raise root_of(failed) from failed
    return 0


def _say_ready(engine: EngineService) -> None:
    account = engine.desk.account
    print(f"ready: account {account.id}, mode {account.mode}", flush=True)


def secrets_of(settings: Settings) -> list[str]:
    """Return every secret of the settings, for the log's filter."""
    venue = settings.venue
    held = (
        *(settings.telegram.token, settings.email.password, settings.push.token),
        *(venue.key, venue.secret, venue.passphrase),
    )
    texts = [secret.get_secret_value() for secret in held if secret is not None]
    return [*texts, settings.push.topic]


def root_of(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error a person should read: ours if there is one, else the first."""
    leaves = list(_leaves(failed))
    return next((leaf for leaf in leaves if isinstance(leaf, OutcryError)), leaves[0])


def _leaves(failed: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in failed.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
