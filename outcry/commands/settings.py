"""`outcry config`."""

import json
import sys
from pathlib import Path

from config.loading import SettingsError
from config.settings import Settings
from outcry.commands.common import settings_of


def print_schema() -> int:
    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Outcry settings"
    print(json.dumps(schema, indent=2))
    return 0


def check_settings(config: Path | None, *, as_json: bool) -> int:
    """Tell every problem at once; 2 when there is one."""
    problems: tuple[str, ...] = ()
    try:
        settings_of(config)
    except SettingsError as exc:
        problems = exc.problems
    if as_json:
        print(json.dumps({"valid": not problems, "problems": problems}))
    elif problems:
        for problem in problems:
            print(f"outcry: {problem}", file=sys.stderr)
    else:
        print("The settings are valid.")
    return 2 if problems else 0
