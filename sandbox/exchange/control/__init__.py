"""The control API of the scripted exchange: what no venue would show or do."""
