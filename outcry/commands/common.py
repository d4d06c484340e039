"""What several commands share."""

import os
from collections.abc import Sequence
from pathlib import Path

from config.loading import load_settings
from config.settings import Settings
from engine.errors import ConfigError


def settings_of(config: Path | None) -> Settings:
    """Read the settings as DESIGN 4 finds them; raises SettingsError with all problems."""
    return load_settings(config, os.environ)


def params_of(given: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE texts; the strategy's own types check the values.

    Raises:
        ConfigError: One is not of that form, or comes twice.
    """
    params: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--param {text}: write NAME=VALUE, such as --param fast=12")
        if name.strip() in params:
            raise ConfigError(f"--param {name.strip()}: it is given twice; give it once")
        params[name.strip()] = value.strip()
    return params
