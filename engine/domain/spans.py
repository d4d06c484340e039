"""Stretches of time as whole milliseconds: light enough for thousands in a file's footer."""

from collections.abc import Iterable

Span = tuple[int, int]
"""From, to (exclusive): milliseconds since the epoch UTC."""


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same time as few spans as possible, in order; empty ones are left out."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def within(wanted: Span, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the parts of the spans that lie in `wanted`, merged."""
    start, end = wanted
    return merge((max(start, a), min(end, b)) for a, b in spans)
