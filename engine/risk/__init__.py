"""Pre-trade checks, limits and breakers: pure functions over a frozen snapshot."""
