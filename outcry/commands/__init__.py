"""The bodies of the commands; each returns the exit status."""
