"""Exact decimal arithmetic: no float, no silent rounding.

Amounts are quantised to 18 places where they are made (a division, an inverse contract's
value); sums of such amounts are exact as long as they stay under the precision below.
"""

import math
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

ZERO = Decimal(0)
ONE = Decimal(1)
PLACES = Decimal("1e-18")
PRECISION = 60  # 42 digits before the point beside 18 behind it
# For single operations, which take it as an argument: it is never anybody's current context.
_EXACT = Context(prec=PRECISION)


def exact() -> AbstractContextManager[Context]:
    """Compute with enough digits that adding and multiplying money never rounds."""
    return localcontext(_EXACT)


def quantize(amount: Decimal) -> Decimal:
    """Round half-even to 18 places, the finest that storage keeps."""
    return amount.quantize(PLACES, ROUND_HALF_EVEN, _EXACT)


def round_down(amount: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `amount` in size (towards zero)."""
    steps = _EXACT.divide_int(amount, step)  # exact, and cut: dividing first could round up
    return _EXACT.multiply(steps, step)


def round_up(amount: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` that is not below `amount`."""
    with exact():
        multiple = amount // step * step
        return multiple + step if multiple < amount else multiple


def round_nearest(amount: Decimal, step: Decimal) -> Decimal:
    """Return the multiple of `step` nearest to `amount`, ties to even."""
    with exact():
        return (amount / step).quantize(ONE, rounding=ROUND_HALF_EVEN) * step


def from_float(value: float) -> Decimal:
    """Return the shortest decimal that reads back as `value`.

    The one door from vectorised columns to money: data given with at most 15 significant
    digits comes out exactly as it was written.

    Raises:
        ValueError: `value` is NaN or infinite: no such amount of money exists.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is not an amount")
    return Decimal(repr(float(value)))


def to_text(amount: Decimal) -> str:
    """Return plain digits without exponent or trailing zeros: `Decimal("1.500")` -> "1.5"."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
