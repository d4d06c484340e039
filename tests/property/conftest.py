"""How property tests run: however slow a shared machine is, no example fails for its time."""

from hypothesis import settings

settings.register_profile("outcry", deadline=None)
settings.load_profile("outcry")
