"""The fault storm: the real service over real sockets while everything goes wrong at random.

Run by `make stormtest`; a short one is part of the tests. docs/testing.md tells how.
"""
