"""The in-process venue: the scripted exchange's core behind the Venue port, on virtual time."""
