"""Kraken's spot protocol in front of the scripted exchange's spot markets."""
