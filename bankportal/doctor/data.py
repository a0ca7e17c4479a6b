"""Examines where the portal keeps its data: folder, disk, SQLite, database."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from accounts.ledger.append_only import missing_triggers
from bankportal.checks import OLDEST_SQLITE
from bankportal.doctor.finding import Finding, fault, note, sound
from bankportal.migrations_due import migrations_due
from bankportal.process import in_plain_words

# Kafka refuses to start with less than half of this.
SCARCE_MB = 512


def examine_data_folder() -> Finding:
    """Look whether DATA_DIR can be written."""
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.DATA_DIR):
            pass
    except OSError as error:
        text = f"{settings.DATA_DIR} cannot be written ({error.strerror})"
        return fault("DATA_DIR", text, "Make it writable, or set DATA_DIR to another folder.")
    return sound("DATA_DIR", str(settings.DATA_DIR))


def examine_disk() -> Finding:
    """Look at the space for the ledger and Kafka's log."""
    try:
        free_mb = shutil.disk_usage(settings.DATA_DIR).free // 2**20
    except OSError as error:
        return note("Disk", f"not examined: {error.strerror}")
    text = f"{free_mb:,} MB free for DATA_DIR"
    if free_mb < SCARCE_MB:
        return fault("Disk", text, f"Free some space: {SCARCE_MB} MB at least.")
    return sound("Disk", text)


def examine_sqlite() -> Finding:
    """Look which SQLite is used, and whether it has the fix that the ledger needs."""
    if settings.DATABASE_URL:
        return sound("SQLite", "not used, since DATABASE_URL is set")
    build = "of the pysqlite3 wheel" if "pysqlite3" in sqlite3.__name__ else "of Python itself"
    text = f"{sqlite3.sqlite_version} {build}"
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return fault(
            "SQLite",
            f"{text} can lose a commit when its WAL starts again",
            "Use a Python with SQLite 3.51.3 or newer, or PostgreSQL through DATABASE_URL.",
        )
    return sound("SQLite", text)


def examine_database() -> Finding:
    """Look whether the database answers and is up to date."""
    if not has_database():
        return note("Database", "none yet: make run makes it")
    try:
        due = migrations_due()
        missing = [] if due else missing_triggers(connection)
    except DatabaseError as error:
        text = in_plain_words(error) or " ".join(str(error).split())
        return fault("Database", text, "See DATABASE_URL or DATA_DIR.")
    if due:
        return fault("Database", f"{due} migrations to apply", "manage.py migrate, or make run")
    if missing:
        return fault(
            "Database",
            f"rows can be changed: triggers missing or altered: {', '.join(missing)}",
            "manage.py verify_ledger --set-triggers looks for changed rows and puts them back",
        )
    return sound("Database", f"{connection.vendor}, up to date")


def has_database() -> bool:
    """Say whether there is a database to ask; looking must not make an empty one."""
    return bool(settings.DATABASE_URL) or Path(settings.DATABASES["default"]["NAME"]).exists()
