"""From what a person types to the thing meant; several things are a picker, never a guess."""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from bot.telegram.pages import tag
from bot.telegram.registry import UsageError
from engine.domain.ids import InstrumentId
from engine.domain.views import PositionView

T = TypeVar("T")
_NOT_IN_NAMES = re.compile(r"[^0-9a-z]+")


def match_instruments(known: Sequence[InstrumentId], word: str) -> tuple[InstrumentId, ...]:
    """Return the instruments that `word` means: one, or several to choose from.

    "BTC/USDT", "btcusdt", "btc-usdt" and, where it is unambiguous, "btc" all work.

    Raises:
        UsageError: None fits; names those that are near.
    """
    found = _best(known, word, str)
    if found:
        return found
    raise UsageError(f"No instrument {word!r}. {_suggest(word, map(str, known))}")


def match_positions(positions: Sequence[PositionView], word: str) -> tuple[PositionView, ...]:
    """Return the positions that `word` means: by "#tag", instrument, or run's name.

    Raises:
        UsageError: None fits.
    """
    if word.startswith("#"):
        found = tuple(held for held in positions if tag(held.ref.id) == word[1:])
        if found:
            return found
        raise UsageError("That position is not open any more. /positions shows what is.")
    by_run = tuple(held for held in positions if held.book_name.casefold() == word.casefold())
    if by_run:
        return by_run
    found = _best(positions, word, lambda held: str(held.ref.instrument_id))
    if found:
        return found
    names = (str(held.ref.instrument_id) for held in positions)
    raise UsageError(f"No open position {word!r}. {_suggest(word, names)}")


def _best(items: Sequence[T], word: str, name: Callable[[T], str]) -> tuple[T, ...]:
    """Return the items that fit best: the exact name, then its letters, then its beginning."""
    wanted = word.casefold()
    squeezed = _squeeze(word)
    tests: tuple[Callable[[str], bool], ...] = (
        lambda text: text.casefold() == wanted,
        lambda text: bool(squeezed) and _squeeze(text) == squeezed,
        lambda text: bool(squeezed) and _squeeze(text).startswith(squeezed),
    )
    for test in tests:
        found = tuple(item for item in items if test(name(item)))
        if found:
            return found
    return ()


def _squeeze(text: str) -> str:
    return _NOT_IN_NAMES.sub("", text.casefold())


def _suggest(word: str, names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    by_folded = {name.casefold(): name for name in unique}
    near = get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {', '.join(by_folded[name] for name in near)}?"
    if not unique:
        return "There is none."
    more = f" and {len(unique) - 8} more" if len(unique) > 8 else ""
    return f"There are {', '.join(unique[:8])}{more}."
