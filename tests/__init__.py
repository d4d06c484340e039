"""Tests. A package, so that shared helpers are imported as `tests.something`."""
