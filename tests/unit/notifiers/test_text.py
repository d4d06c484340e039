"""Splitting where the wire counts bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.text import split_bytes

TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@given(text=TEXT.filter(str.strip), limit=st.integers(4, 50))
def test_nothing_is_lost_and_every_part_fits(text: str, limit: int) -> None:
    parts = split_bytes(text, limit)
    assert all(len(part.encode()) <= limit for part in parts)
    # only parts of nothing but white space are left out
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_it_cuts_at_lines_then_at_spaces() -> None:
    assert split_bytes("one two\nthree four", 10) == ("one two\n", "three four")
    assert split_bytes("one two three", 9) == ("one two ", "three")
    assert split_bytes("€€€", 4) == ("€", "€", "€")
    assert split_bytes("", 10) == ("",)


def test_a_limit_below_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        split_bytes("text", 3)
