"""Rows that were written stay as they are."""

from django.db import migrations

from accounts.ledger.append_only import drop_triggers, set_triggers


class Migration(migrations.Migration):
    dependencies = (("accounts", "0005_log_history_and_decisions"),)

    operations = (migrations.RunPython(set_triggers, drop_triggers),)
