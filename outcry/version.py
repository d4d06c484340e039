"""Which Outcry this is."""

from importlib import metadata

DISTRIBUTION = "openoutcry"


def version() -> str:
    """Return the installed version, "0+unknown" when it runs from an uninstalled checkout."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+unknown"
