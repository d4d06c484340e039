"""Adapters of the UnitOfWork port: in memory and over SQL."""
