"""The kinds of entries that the ledger knows."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

KINDS = (
    (1, "account_opened", 1, False),
    (2, "deposit", 1, True),
    (3, "withdrawal", -1, True),
)


def add_kinds(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    kinds = apps.get_model("accounts", "EntryKind").objects.using(schema_editor.connection.alias)
    for number, code, sign, is_transaction in KINDS:
        kinds.update_or_create(
            id=number, defaults={"code": code, "sign": sign, "is_transaction": is_transaction}
        )


class Migration(migrations.Migration):
    dependencies = (("accounts", "0001_initial"),)

    operations = (migrations.RunPython(add_kinds, migrations.RunPython.noop),)
