"""Where PostgreSQL counts what agents do in a minute; SQLite has a file of its own for that.

Unlogged, since a count is worth less than the write of a log. See ``accounts.services.limits``.
"""

from typing import Any

from django.db import migrations

_CREATE = """
CREATE UNLOGGED TABLE accounts_allowance (
    agent_id bigint NOT NULL, act text NOT NULL, free_at_ms bigint NOT NULL,
    PRIMARY KEY (agent_id, act)
)
"""


def create(apps: Any, schema_editor: Any) -> None:
    """Create the table where the database is PostgreSQL."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_CREATE)


def drop(apps: Any, schema_editor: Any) -> None:
    """Take it away again."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TABLE accounts_allowance")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_submission_by_reference")]

    operations = [migrations.RunPython(create, drop)]
