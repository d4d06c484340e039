"""What must be said of a delivery itself: that it comes late, that it may come twice."""

import hashlib
from datetime import timedelta

from render.format import duration


def short_id(key: str) -> str:
    """Return "#A7F3": the same for every try of one message, so that a repeat is recognised."""
    return f"#{hashlib.sha256(key.encode()).hexdigest()[:4].upper()}"


def delivery_mark(key: str, *, repeat: bool, late_seconds: float | None) -> str:
    """Return the line to put below a message, "" when there is nothing to say."""
    words = []
    if late_seconds is not None:
        words.append(f"sent {duration(timedelta(seconds=late_seconds))} late")
    if repeat:
        words.append(f"possible repeat {short_id(key)}")
    return " · ".join(words)
