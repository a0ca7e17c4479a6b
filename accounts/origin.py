"""Where an act comes from: the request that is being answered, or the command that runs."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from accounts.client_address import client_address


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What asked for an act; nothing of it where code does something by itself."""

    request: HttpRequest | None = None
    command: str = ""

    @property
    def address(self) -> str:
        """From which machine, where it came by a request."""
        return client_address(self.request) if self.request else ""

    @property
    def request_id(self) -> str:
        """The request's id, where it was given one."""
        return str(getattr(self.request, "id", "") or "")

    @property
    def system_user(self) -> str:
        """Who runs the command, as the operating system knows them."""
        return _system_user() if self.command else ""


_NOWHERE: Final = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def current_origin() -> Origin:
    """Give where what is being done comes from."""
    return _current.get()


@contextmanager
def acting_for(request: HttpRequest) -> Iterator[None]:
    """Let what is done within come from ``request``."""
    token = _current.set(Origin(request=request))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def acting_by_command(name: str) -> Iterator[None]:
    """Let what is done within come from the command of that name, run by the system's user."""
    token = _current.set(Origin(command=name))
    try:
        yield
    finally:
        _current.reset(token)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else ""
