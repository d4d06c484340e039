"""Binance's spot and USD-M futures protocol in front of the exchange core."""
