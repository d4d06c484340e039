"""Read the settings: find the file, lay the environment over it, check all of it at once."""

import difflib
import os
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.settings import Settings
from config.sources import SECRETS, Draft, Key, read_environment, read_file, read_secret_files

DEFAULT_FILE = "outcry.yaml"


class SettingsError(ValueError):
    """The settings can't be used.

    Attributes:
        problems: Everything that is wrong, one line each: where, which key, what to do.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def settings_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read: `given`, else OUTCRY_CONFIG, else ./outcry.yaml, else none."""
    if given is not None:
        return given
    if named := environ.get("OUTCRY_CONFIG"):
        return Path(named)
    default = Path(DEFAULT_FILE)
    return default if default.is_file() else None


def load_settings(given: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: With every problem there is, not only the first.
    """
    environ = os.environ if environ is None else environ
    draft = Draft()
    path = settings_file(given, environ)
    if path is not None:
        read_file(draft, path)
    read_environment(draft, environ)
    read_secret_files(draft)
    try:
        settings = Settings.model_validate(draft.tree)
    except ValidationError as exc:
        draft.problems += [_worded(error, draft) for error in _without_repeats(exc)]
        raise SettingsError(draft.problems) from None  # the cause repeats every input
    if draft.problems:
        raise SettingsError(draft.problems)
    return settings


def _without_repeats(error: ValidationError) -> Iterator[ErrorDetails]:
    """A union reports once per member: one line per key is enough."""
    seen: set[Key] = set()
    for details in error.errors(include_url=False):
        key = tuple(str(part) for part in _plain(details["loc"]))
        if key not in seen:
            seen.add(key)
            yield details


def _plain(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Leave out what pydantic adds for the members of a union."""
    return tuple(
        part for part in location if isinstance(part, int) or not part.startswith(_UNION_PARTS)
    )


_UNION_PARTS = ("constrained-", "literal[", "float", "function-", "int", "str", "bool")


def _worded(error: ErrorDetails, draft: Draft) -> str:
    location = _plain(error["loc"])
    key = tuple(str(part) for part in location)
    where = draft.origin(key)
    if error["type"] == "extra_forbidden":
        return f"{where}: {_dotted(location)}: no such key; {_nearest(location)}"
    if error["type"] == "missing":
        return f"{where}: {_dotted(location)}: it is missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    if not key:
        return f"{where}: {message}"
    shown = "" if key in SECRETS else f" {_short(error['input'])}:"
    return f"{where}: {_dotted(location)}:{shown} {message[:1].lower()}{message[1:]}"


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _nearest(location: tuple[int | str, ...]) -> str:
    model = _model_at(location[:-1])
    names = list(model.model_fields) if model is not None else []
    near = difflib.get_close_matches(str(location[-1]), names, n=1)
    if near:
        return f"did you mean {_dotted((*location[:-1], near[0]))}?"
    return f"there are {', '.join(names)}" if names else "take it out"


def _model_at(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Return the section that a location lies in."""
    annotation: object = Settings
    for part in location:
        model = _section_of(annotation)
        if isinstance(part, int) or model is None:
            continue
        field = model.model_fields.get(part)
        if field is None:
            continue  # the key of a map, e.g. a symbol: its section comes next
        annotation = field.annotation
    return _section_of(annotation)


def _section_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section_of(inner) for inner in typing.get_args(annotation))
    return next((model for model in found if model is not None), None)
