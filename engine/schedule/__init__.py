"""Adapters of the clock and Scheduler ports: live and simulated."""
