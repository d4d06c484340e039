"""Ids that follow from what they stand for."""

from base64 import b32encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.ids import digest_id


@given(st.lists(st.text(), min_size=1))
def test_an_id_is_128_bits_of_the_digest_in_base_32(parts: list[str]) -> None:
    encoded = b32encode(sha256("\x1f".join(parts).encode()).digest()[:16]).decode()
    assert digest_id("oc", *parts) == f"oc{encoded.rstrip('=').lower()}"


def test_an_id_stays_the_same_for_good() -> None:
    """Orders of an earlier version are found again by it."""
    assert digest_id("oc", "BTC/USDT", "entry") == "ocjbg6yyonjn6hjniweurf3lpmne"


@pytest.mark.parametrize("others", [("a", "bc"), ("ab", "c", ""), ("abc",)])
def test_other_parts_are_another_id(others: tuple[str, ...]) -> None:
    assert digest_id("oc", *others) != digest_id("oc", "ab", "c")
