"""Files with a manifest, the bundled ones above all."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from engine.bars import from_ms
from engine.domain.ids import AssetId, InstrumentId
from engine.domain.instruments import InstrumentKind, PriceKind
from engine.errors import DataError
from engine.venues.dataset import plain_instrument, read_manifest

BUNDLED = Path(__file__).parents[3] / "sandbox" / "data"


def test_every_bundled_file_is_read_and_described():
    recordings = {one.file: one for one in read_manifest(BUNDLED / "manifest.json")}
    on_disk = {str(path.relative_to(BUNDLED)) for path in BUNDLED.glob("*/*.csv")}
    assert set(recordings) == on_disk
    euro = recordings["1h/EURUSD.csv"]
    assert (euro.instrument.kind, euro.instrument.price_kind) == (
        InstrumentKind.LINEAR,
        PriceKind.ASK,
    )
    assert len(euro.bars) == 6_225
    minute = recordings["1m/AAPL.csv"]
    assert str(from_ms(int(minute.bars.timestamp[0]))) == "2026-07-31 13:30:00+00:00"
    assert minute.instrument.calendar == "XNYS"
    assert len({one.date() for one in map(from_ms, minute.bars.timestamp.tolist())}) == 5


def test_bundled_data_is_small_and_has_its_licences_beside_it():
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) < 5_000_000
    licences = [path.read_text() for path in (BUNDLED / "licences").iterdir()]
    assert len(licences) == 2
    assert all("Permission is hereby granted, free of charge" in text for text in licences)


def test_some_files_can_be_chosen_and_an_unlisted_one_is_refused():
    path = BUNDLED / "manifest.json"
    assert [one.file for one in read_manifest(path, ["1m/AAPL.csv"])] == ["1m/AAPL.csv"]
    with pytest.raises(DataError, match=r"2m/AAPL.csv is not listed. It lists 1m/AAPL.csv"):
        read_manifest(path, ["2m/AAPL.csv"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timeframe": "1 minute"}, "time frame '1 minute'"),
        ({"kind": "swap"}, "not a readable manifest"),
        ({"tick": "1"}, "not a readable manifest"),
    ],
)
def test_malformed_manifest_is_refused_in_one_line(tmp_path: Path, change, says):
    manifest = json.loads((BUNDLED / "manifest.json").read_text())
    manifest["files"][0] |= change
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=says) as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)


def test_file_without_a_manifest_is_spot_in_fine_steps_with_unrounded_prices():
    plain = plain_instrument(InstrumentId("BTC"), AssetId("USD"))
    assert (plain.kind, plain.base, plain.settlement) == (InstrumentKind.SPOT, "BTC", "USD")
    assert plain.quantity_increment == Decimal("1e-8")
    assert plain.round_price(Decimal("1.23456789")) == Decimal("1.23456789")
