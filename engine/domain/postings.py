"""The shapes of postings that constructors of entries share."""

from collections.abc import Mapping
from decimal import Decimal

from engine.domain.entries import LedgerAccount, Posting
from engine.domain.ids import AssetId, EntryId, digest_id
from engine.domain.instruments import Instrument, InstrumentKind
from engine.domain.money import quantize
from engine.domain.movements import unit_of

Rates = Mapping[AssetId, Decimal]

_PLACES = 18


def pair(
    account: LedgerAccount,
    asset: AssetId,
    amount: Decimal,
    *,
    held: LedgerAccount = LedgerAccount.HOLDING,
) -> tuple[Posting, ...]:
    """Return the two postings of `amount` received, `account` saying why."""
    amount = kept(amount)
    return (
        Posting(ledger_account=held, asset=asset, amount=amount),
        Posting(ledger_account=account, asset=asset, amount=negated(amount)),
    )


def trade_postings(
    instrument: Instrument, quantity: Decimal, value: Decimal
) -> tuple[Posting, ...]:
    """Return `quantity` bought (signed) for `value`: the one shape of every kind of instrument."""
    trading = LedgerAccount.TRADING
    return pair(trading, unit_of(instrument), quantity, held=held_account(instrument)) + pair(
        trading, instrument.settlement, negated(value)
    )


def held_account(instrument: Instrument) -> LedgerAccount:
    return (
        LedgerAccount.HOLDING if instrument.kind is InstrumentKind.SPOT else LedgerAccount.POSITION
    )


def negated(amount: Decimal) -> Decimal:
    """Return `-amount` in all its digits: the operator alone would round to the context's."""
    return amount.copy_negate() if amount else amount


def kept(amount: Decimal) -> Decimal:
    """Return `amount` with no more than the 18 places that storage keeps.

    What is booked must be what is read back: a ledger replayed from storage would differ.

    Raises:
        ValueError: It is not a number.
    """
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{amount} is not an amount")
    return amount if exponent >= -_PLACES else quantize(amount)


def rates_of(rates: Rates) -> dict[AssetId, Decimal]:
    """Return a copy with no more than the 18 places that storage keeps."""
    return {asset: kept(rate) for asset, rate in rates.items()}


def entry_id_of(kind: str, *parts: str) -> EntryId:
    return EntryId(digest_id(f"{kind}-", *parts))
