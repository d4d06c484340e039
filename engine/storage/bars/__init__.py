"""Recorded bars on disk: Parquet files by venue, symbol and time frame.

DIR/VENUE/SYMBOL/TIMEFRAME/2024-01.parquet: a file a month for bars under an hour, else a file a
year (2024.parquet), by UTC start; `/` in a symbol is written %2F. Columns: timestamp (UTC start),
open, high, low, close, volume as decimal text, state. A file's footer holds which stretches of
its period are known, so that one replace changes bars and knowledge together. Nothing else is
kept: what there is, from when to when and with which gaps is read from the files.
"""
