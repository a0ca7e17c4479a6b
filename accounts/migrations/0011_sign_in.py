"""What signing in keeps with an agent, and the table of limits that all web processes share."""

from typing import Any

from django.core.management import call_command
from django.db import migrations, models

CACHE_TABLE = "shared_cache"


def make_cache_table(apps: Any, schema_editor: Any) -> None:
    call_command(
        "createcachetable", CACHE_TABLE, database=schema_editor.connection.alias, verbosity=0
    )


def drop_cache_table(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"DROP TABLE IF EXISTS {CACHE_TABLE}")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_allowance"),
    ]

    operations = [
        migrations.AddField(
            model_name="agent",
            name="must_change_password",
            field=models.BooleanField(
                default=False, editable=False, verbose_name="must change the password"
            ),
        ),
        migrations.AddField(
            model_name="agent",
            name="sessions_ended",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.RunPython(make_cache_table, drop_cache_table),
    ]
