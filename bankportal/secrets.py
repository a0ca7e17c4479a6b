"""Secrets that a first start makes for itself and keeps in files that only its user can read."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

READ_WRITE_BY_OWNER = 0o600
# Less is the rest of one.
SHORTEST = 40


def kept_secret(path: Path) -> str:
    """Give the secret in ``path``, made at the first call. Safe against two first calls at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(64))
        return _whole(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path.parent} cannot be used for the portal's files ({error.strerror}). "
            "Make it writable, free some space, or set DATA_DIR to another folder."
        ) from error


def _whole(path: Path) -> str:
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if len(text) < SHORTEST:
        raise ImproperlyConfigured(
            f"{path} is empty or cut short. Put it back from where you keep it; or delete it, and "
            "another one is made: then everybody signs in anew, and sets up a second factor anew."
        )
    return text


def _write_once(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _write_private(draft, text)
        _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, READ_WRITE_BY_OWNER)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        # Its name is to lead to nothing else after a power cut.
        os.fsync(file.fileno())


def _give_name(draft: Path, path: Path) -> None:
    try:
        # A link fails where the other process was first, and its secret stands.
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:
        draft.replace(path)
