"""A scripted exchange: one core of markets, accounts and faults, with several faces."""
