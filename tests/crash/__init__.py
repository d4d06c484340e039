"""The crash matrix: the real service, killed at every await, on a disk and an exchange that fail.

Run by `make crashtest`; a sample of it is part of the tests. docs/testing.md tells how.
"""
