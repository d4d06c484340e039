"""Our answers have every field of Binance's recorded ones, and their kinds of values."""

from tests.source_tree import ROOT

RECORDED = ROOT.parent / "shared" / "data" / "binance_json"
