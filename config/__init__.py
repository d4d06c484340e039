"""Typed settings: what they are (`settings`), where they come from (`loading`)."""
