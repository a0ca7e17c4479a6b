"""Which migrations the database lacks."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrations_due() -> int:
    """Count the migrations still to apply; raises ``DatabaseError`` when it cannot be asked."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
