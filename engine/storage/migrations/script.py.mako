"""${message.capitalize()}. There is no way back but a backup: a downgrade would drop books."""

import sqlalchemy as sa
from alembic import op

from engine.storage.sql import types
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
