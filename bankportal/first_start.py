"""What an empty database gets at its first start: branches, agents, and history to come."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.transaction import atomic

from accounts.models import BRANCH_ROLES, Act, Agent, Branch, Role
from accounts.origin import acting_by_command
from accounts.services.audit import Deed, about_agent, record
from bankportal.data_files import history_due_path, sign_in_path
from bankportal.secrets import READ_WRITE_BY_OWNER

BRANCHES = (("lyon", "Lyon Bellecour"), ("villeurbanne", "Villeurbanne"))
AGENTS = {
    "teller": Role.TELLER,
    "supervisor": Role.SUPERVISOR,
    "auditor": Role.AUDITOR,
    "operator": Role.OPERATOR,
    "admin": Role.ADMINISTRATOR,
}

# Who looks into the admin; what they find there is for the admin to decide.
ADMIN_ROLES = (Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class FirstStart:
    """What was made. The password is shown once; ``sign_in_file`` keeps it."""

    password: str
    sign_in_file: Path
    weakness: str


def furnish_empty_database() -> FirstStart | None:
    """Give a database without agents its branches and agents; leave any other alone."""
    if Agent.objects.exists():
        return None
    password = settings.DEMO_PASSWORD or secrets.token_urlsafe(12)
    weakness = _weakness(password)
    file = sign_in_path(settings.DATA_DIR)
    _write_sign_in(file, password)
    history_due_path(settings.DATA_DIR).touch()
    with atomic():
        _make_agents(password)
    return FirstStart(password, file, weakness)


def _weakness(password: str) -> str:
    """Say what is wrong with ``password``; refuse it where others than this machine may ask."""
    try:
        validate_password(password)
    except ValidationError as reason:
        weakness = f"DEMO_PASSWORD is weak: {' '.join(reason.messages)}"
        if settings.IS_LOCAL:
            return weakness
        raise ImproperlyConfigured(
            f"{weakness} Choose another, or unset it for a generated one."
        ) from reason
    return ""


def _make_agents(password: str) -> None:
    home, *_others = [
        Branch.objects.get_or_create(code=code, defaults={"name": name})[0]
        for code, name in BRANCHES
    ]
    made = [
        Agent.objects.create_user(
            username,
            password=password,
            role=role,
            branch=home if role in BRANCH_ROLES else None,
            # One password for five is for trying things out, and nobody else may go on with it.
            must_change_password=not settings.IS_LOCAL,
            is_staff=role in ADMIN_ROLES,
            is_superuser=role == Role.ADMINISTRATOR,
        )
        for username, role in AGENTS.items()
    ]
    deeds = [
        Deed(act=Act.AGENT_ADDED, about=about_agent(each), after={"role": each.role})
        for each in made
    ]
    with acting_by_command("first start"):
        record(*deeds)


def _write_sign_in(file: Path, password: str) -> None:
    text = f"Agents: {', '.join(AGENTS)}\nPassword of each: {password}\n"
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READ_WRITE_BY_OWNER)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
