"""Recorded files with a manifest: what each one trades, beside its bars."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.bars import Bars
from engine.domain.bars import Timeframe
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import Instrument, InstrumentKind, PriceKind
from engine.domain.money import ONE, ZERO
from engine.errors import DataError
from engine.venues.datafiles import read_bars


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a manifest, as written."""

    file: str
    symbol: str
    timeframe: str
    kind: InstrumentKind
    base: str
    quote: str
    price_increment: Decimal
    quantity_increment: Decimal
    calendar: str
    price_kind: PriceKind
    adjustment: str
    source: str
    min_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    multiplier: Decimal = ONE


class _Manifest(msgspec.Struct, frozen=True):
    files: list[_Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded series and its instrument."""

    file: str  # as the manifest names it
    instrument: Instrument
    bars: Bars
    source: str


def read_manifest(path: Path, only: Collection[str] | None = None) -> tuple[Recording, ...]:
    """Read the files that a `manifest.json` lists, in its order.

    Args:
        only: Names of files as the manifest has them; None reads all.

    Raises:
        DataError: The manifest or a file is malformed, or a name of `only` is not listed.
    """
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (OSError, msgspec.MsgspecError) as exc:
        raise DataError(f"{path}: it is not a readable manifest ({exc}). Restore it.") from exc
    listed = [entry.file for entry in manifest.files]
    if unknown := sorted(set(only or ()) - set(listed)):
        raise DataError(f"{path}: {unknown[0]} is not listed. It lists {', '.join(listed)}.")
    return tuple(
        _recording(path, entry) for entry in manifest.files if only is None or entry.file in only
    )


def _recording(path: Path, entry: _Entry) -> Recording:
    try:
        timeframe = Timeframe.parse(entry.timeframe)
    except ValueError as exc:
        raise DataError(f"{path}: {entry.file}: {exc}. Correct the manifest.") from exc
    instrument = _instrument(entry)
    return Recording(
        file=entry.file,
        instrument=instrument,
        bars=read_bars(path.parent / entry.file, instrument_id=instrument.id, timeframe=timeframe),
        source=entry.source,
    )


def _instrument(entry: _Entry) -> Instrument:
    inverse = entry.kind is InstrumentKind.INVERSE
    return Instrument(
        id=InstrumentId(entry.symbol),
        kind=entry.kind,
        base=AssetId(entry.base),
        quote=AssetId(entry.quote),
        settlement=AssetId(entry.base if inverse else entry.quote),
        price_increment=entry.price_increment,
        quantity_increment=entry.quantity_increment,
        min_quantity=entry.min_quantity,
        min_notional=entry.min_notional,
        multiplier=entry.multiplier,
        calendar=entry.calendar,
        price_kind=entry.price_kind,
        adjustment=entry.adjustment,
    )


def plain_instrument(symbol: InstrumentId, quote: AssetId) -> Instrument:
    """Return the instrument of a file without a manifest: spot, bought in `quote`.

    Quantities in steps of 1e-8, prices unrounded, no minimum, always open: what
    `outcry backtest --data FILE` promises.
    """
    return Instrument(
        id=symbol,
        kind=InstrumentKind.SPOT,
        base=AssetId(symbol),
        quote=quote,
        settlement=quote,
        price_increment=ZERO,
        quantity_increment=Decimal("1e-8"),
    )
