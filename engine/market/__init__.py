"""Market data: what is missing in it, how good it is, coarser bars from finer ones."""
