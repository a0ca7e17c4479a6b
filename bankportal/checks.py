"""What has to hold before the portal serves anybody; run by ``manage.py check`` and each start."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

# The first release without the bug by which a WAL reset could lose a commit.
OLDEST_SQLITE = (3, 51, 3)


@register()
def sqlite_is_sound(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Warn of an SQLite that may corrupt the ledger."""
    if settings.DATABASE_URL or sqlite3.sqlite_version_info >= OLDEST_SQLITE:
        return []
    return [
        checks.Warning(
            f"SQLite {sqlite3.sqlite_version} has a bug in WAL mode that can lose a commit.",
            hint="Use Linux with the locked requirements, a Python with SQLite 3.51.3, or "
            "PostgreSQL through DATABASE_URL.",
            id="bankportal.W001",
        )
    ]


@register()
def debug_stays_here(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """Refuse debug pages, which show settings and data, to anybody beyond this machine."""
    if not settings.DEBUG or settings.IS_LOCAL:
        return []
    return [
        checks.Error(
            "DEBUG is on, and ALLOWED_HOSTS names a host beyond this machine.",
            hint="Unset DEBUG.",
            id="bankportal.E001",
        )
    ]
