"""A seeded simulation of the whole service on virtual time: `python -m tests.simulation`."""
