"""One account's state in memory: what handlers change and queries read."""
