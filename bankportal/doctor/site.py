"""Examines Python, the run, its port, who may sign in, and the static files."""

import platform
import sys
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from accounts.models import Agent
from bankportal.data_files import address_path
from bankportal.doctor.data import has_database
from bankportal.doctor.finding import Finding, fault, note, sound
from bankportal.install import NEWEST, OLDEST
from bankportal.ports import is_taken
from bankportal.running import running_process
from streaming.embedded.ports import holder_of


def examine_python() -> Finding:
    """Look at Python's version."""
    version = f"{platform.python_version()} at {sys.executable}"
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sound("Python", version)
    return fault("Python", version, "Use Python 3.11 to 3.14: remove .venv and start make run.")


def examine_run() -> Finding:
    """Look whether the portal runs on this DATA_DIR."""
    process = running_process(settings.DATA_DIR)
    if process is None:
        return note("Portal", f"not running on {settings.DATA_DIR}", "Start it with: make run")
    address = _own_address().strip() or "an address it has not said yet"
    return sound("Portal", f"running as process {process} at {address}")


def examine_port() -> Finding:
    """Look whether the web server's port is free, or ours."""
    if not is_taken(settings.BIND_ADDRESS, settings.PORT):
        return sound("Port", f"{settings.PORT} is free")
    holder = holder_of(settings.PORT)
    if running_process(settings.DATA_DIR) and f":{settings.PORT}/" in _own_address():
        return sound("Port", f"{settings.PORT} is the portal's")
    text = f"{settings.PORT} is taken by {holder}"
    if settings.PORT_IS_CHOSEN:
        return fault("Port", text, "End that, set PORT to another, or unset PORT for a free one.")
    return note("Port", text, "make run takes a free one; set PORT to choose it.")


def _own_address() -> str:
    try:
        return address_path(settings.DATA_DIR).read_text(encoding="utf-8")
    except OSError:
        return ""


def examine_agents() -> Finding:
    """Look whether anybody can sign in."""
    if not has_database():
        return note("Agents", "none yet: make run makes them")
    try:
        count = Agent.objects.filter(is_active=True).count()
    except DatabaseError:
        return note("Agents", "unknown, since the database cannot be read")
    if count:
        return sound("Agents", f"{count} can sign in")
    return note(
        "Agents", "nobody can sign in", "make run makes the first ones in an empty database"
    )


def examine_static_files() -> Finding:
    """Look whether the static files were collected."""
    if (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return sound("Static files", f"collected in {settings.STATIC_ROOT}")
    return note(
        "Static files",
        "not collected yet",
        "make run collects them; by hand: manage.py collectstatic --noinput",
    )
