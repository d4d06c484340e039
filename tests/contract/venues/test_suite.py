"""The suite itself: no case and no combination vanishes unnoticed."""

import re
from collections import Counter

import pytest

from tests.contract.matrix import BEGINS, ENDS, case_of, cases_of, functions_of, matrix, modules
from tests.contract.venues.needs import Need
from tests.contract.venues.roster import ENTRANTS
from tests.source_tree import ROOT

_ON_PAPER = {
    *(Need.EXITS_SIDE_BY_SIDE, Need.ONE_EXIT_AT_A_TIME, Need.TIMER, Need.ENTRY_PRICE),
    *(Need.WIRE, Need.OTHER_HANDS, Need.KEY),
}
_SPOT = {Need.MARGIN, Need.REDUCE_ONLY, Need.LINKED_EXITS, Need.EXITS_SIDE_BY_SIDE}
_PERPETUAL = {Need.SPOT, Need.QUOTE_QUANTITY, Need.LINKED_EXITS, Need.ONE_EXIT_AT_A_TIME}

LACKS = {
    "replay in memory": _ON_PAPER | {Need.MARGIN, Need.LASTING, Need.LIVE},
    "replay on file": _ON_PAPER | {Need.MARGIN, Need.LIVE},
    "paper spot": _ON_PAPER | {Need.MARGIN},
    "paper perpetual": _ON_PAPER | {Need.SPOT},
    "simulated spot": _SPOT | {Need.QUOTE_QUANTITY, Need.TIMER, Need.ENTRY_PRICE, Need.KEY},
    "simulated perpetual": _PERPETUAL | {Need.KEY},
    "binance spot": _SPOT | {Need.TIMER, Need.ENTRY_PRICE},
    "binance usd-m": _PERPETUAL,
    "kraken spot": _SPOT | {Need.ENTRY_PRICE},
}
"""What each venue does not offer: only for this is a case not collected for it."""


def test_what_each_venue_lacks_is_pinned():
    assert {one.name: set(Need) - one.offers for one in ENTRANTS} == LACKS


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__.split(".")[-1])
def test_each_test_is_a_case_of_its_group_under_its_number(module):
    group = re.search(r"test_(\d)_", module.__name__).group(1)
    for test in functions_of(module):
        case = case_of(test)
        assert case is not None, f"{test.__name__} is no case"
        assert test.__name__.startswith(f"test_v{case.number}_")
        assert str(case.number).startswith(group)


def test_numbers_are_unique():
    numbers = Counter(case.number for module in modules() for case in cases_of(module))
    assert len(numbers) >= 60
    assert {number for number, times in numbers.items() if times > 1} == set()


def test_each_case_is_collected_for_every_venue_that_offers_what_it_needs():
    for module in modules():
        for test in functions_of(module):
            (venues,) = [mark.args[1] for mark in test.pytestmark if mark.args[:1] == ("market",)]
            expected = [one.name for one in ENTRANTS if case_of(test).needs <= one.offers]
            assert venues == expected
            assert venues, f"{test.__name__} applies nowhere"


def test_no_case_skips_while_it_runs():
    for module in modules():
        text = ROOT.joinpath(*module.__name__.split(".")).with_suffix(".py").read_text("utf-8")
        assert "skip" not in text
        assert "xfail" not in text


def test_the_page_holds_the_matrix_as_it_is():
    page = (ROOT / "docs" / "venues.md").read_text("utf-8")
    held = page.split(BEGINS)[1].split(ENDS)[0]
    assert held.strip() == matrix().strip(), "write `python -m tests.contract.matrix` into the page"
