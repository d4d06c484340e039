"""Adapters of the Venue port."""
