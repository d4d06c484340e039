"""Adapters of the MessageBus port."""
