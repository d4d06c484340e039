"""`outcry db`."""

from pathlib import Path

from engine.storage.sql import schema
from outcry.commands.common import settings_of
from outcry.places import database_file, prepare_data_dir


def upgrade_database(config: Path | None) -> int:
    """Bring the tables to this version; a service that runs keeps its own."""
    settings = settings_of(config)
    prepare_data_dir(settings.data_dir)
    database = database_file(settings)
    if schema.is_at_head(settings.database_url):
        print(f"{database} is up to date (tables {schema.HEAD}).")
        return 0
    schema.upgrade(settings.database_url)
    print(f"{database} is at tables {schema.HEAD} now.")
    return 0
