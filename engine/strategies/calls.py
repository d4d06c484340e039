"""Calling a user's code: whatever it raises becomes one line that names their file and line."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.errors import StrategyError

R = TypeVar("R")

MESSAGE_LENGTH = 300


class StrategyRaised(StrategyError):
    """A strategy's own code raised; `str()` is "Type: text (file.py:12)"."""


def guarded(call: Callable[[], R], folder: Path) -> R:
    """Return `call()`.

    Raises:
        StrategyRaised: It raised, or tried to end the process. `StrategyError`s are
            raised on purpose and pass as they are.
    """
    try:
        return call()
    except StrategyError:
        raise
    except (Exception, SystemExit) as error:
        # From None: a traceback would keep the strategy's frames, and their arrays, alive.
        raise StrategyRaised(described(error, folder)) from None


def described(error: BaseException, folder: Path) -> str:
    """Return type, text and the deepest line in `folder`, on one line of bounded length."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # an exception class of theirs whose own __str__ raises
        text = "(its text can't be shown)"
    if isinstance(error, SystemExit):
        text = f"it called sys.exit({text}); return instead"
    line = _place(error, folder)
    shown = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"{_cut(shown, MESSAGE_LENGTH)}{f' ({line})' if line else ''}"


def _place(error: BaseException, folder: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(folder):
            place = f"{path.name}:{line}"
    return place


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
