"""Kraken's ids: letters and digits in three groups, told apart by the first letter."""

from __future__ import annotations

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_GROUPS = (5, 5, 6)
_LENGTH = sum(_GROUPS)

ORDER, TRADE, LEDGER, AMEND = "O", "T", "L", "A"


def written(kind: str, number: int) -> str:
    """Return an id.

    >>> written(ORDER, 33)
    'OAAAAA-AAAAA-AAAABB'
    """
    letters = "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    first, second, _ = _GROUPS
    return f"{kind}{letters[:first]}-{letters[first : first + second]}-{letters[first + second :]}"


def read(kind: str, text: str) -> int | None:
    """Return the number of an id; None for what is no id of that kind.

    >>> read(ORDER, "OAAAAA-AAAAA-AAAABB"), read(ORDER, "TAAAAA-AAAAA-AAAABB"), read(ORDER, "O1")
    (33, None, None)
    """
    groups = text.removeprefix(kind).split("-")
    if not text.startswith(kind) or tuple(map(len, groups)) != _GROUPS:
        return None
    number = 0
    for letter in "".join(groups):
        if letter not in _VALUES:
            return None
        number = number << 5 | _VALUES[letter]
    return number


def trade_id(market_number: int, number: int, order_id: int) -> str:
    """Return the id of one side of a trade: the tape's numbers rise by market, from one on."""
    return written(TRADE, market_number << 72 | number << 32 | order_id)
