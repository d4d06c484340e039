"""Exact arithmetic that no caller's decimal context can change."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN)

ZERO = Decimal(0)
_WALLET_PLACES = Decimal("1e-8")
_SHARE_PLACES = Decimal("1e-18")

add = CONTEXT.add
times = CONTEXT.multiply
minus = CONTEXT.subtract


def count(amount: Decimal, increment: Decimal) -> int:
    """Return how many whole increments fit into `amount`."""
    return int(CONTEXT.divide_int(amount, increment))


def fits(amount: Decimal, increment: Decimal) -> bool:
    """Whether `amount` is a multiple of `increment`."""
    return CONTEXT.remainder(amount, increment) == 0


def fee(value: Decimal, rate: Decimal) -> Decimal:
    """Return a fee, rounded to 8 places as exchanges book them."""
    return booked(CONTEXT.multiply(value, rate))


def booked(amount: Decimal) -> Decimal:
    """Return an amount as a linear wallet books it, realised P&L or funding: on 8 places."""
    return CONTEXT.quantize(amount, _WALLET_PLACES)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `amount` x `part` / `whole`, rounded to 18 places; exact for the whole."""
    if part == whole:
        return amount
    return CONTEXT.quantize(CONTEXT.divide(CONTEXT.multiply(amount, part), whole), _SHARE_PLACES)


def ratio(amount: Decimal, divisor: Decimal) -> Decimal:
    """Return a quotient for show, rounded to 18 places."""
    return CONTEXT.quantize(CONTEXT.divide(amount, divisor), _SHARE_PLACES)


def plain(amount: Decimal) -> Decimal:
    """Return the same number without trailing zeros or exponent."""
    reduced = CONTEXT.normalize(amount)
    exponent = reduced.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return CONTEXT.quantize(reduced, Decimal(1))
    return reduced
