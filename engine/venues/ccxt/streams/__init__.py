"""Feeds that survive: market data and the account's own messages, over websockets and REST."""
