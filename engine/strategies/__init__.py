"""Strategies: the API they are written against, indicators, built-ins, and the hosts."""
