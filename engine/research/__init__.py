"""Research: what a run of a strategy was worth."""
