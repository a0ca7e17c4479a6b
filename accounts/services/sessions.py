"""Sessions begun, kept in use and ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.contrib.auth import update_session_auth_hash
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db.models import F
from django.db.transaction import atomic
from django.http import HttpRequest

from accounts.models import Act, Agent
from accounts.selectors.sessions import ACTIVE, BEGAN, RECORDS, RECORDS_OF
from accounts.services.audit import Deed, about_agent, record

# Written no more often than this, since every page asks for it.
ACTIVE_WRITTEN_S: Final = 60.0


class SessionOver(Exception):
    """The session has ended since the request in it came. Nothing was written."""


def begin_session(request: HttpRequest, **_details: Any) -> None:
    """Let a session count from now: heard whenever somebody signs in.

    Those that have expired are forgotten, since nothing else would remove them.
    """
    request.session.clear_expired()
    request.session[BEGAN] = request.session[ACTIVE] = time.time()


def note_activity(session: SessionBase, *, at_least_s: float = ACTIVE_WRITTEN_S) -> None:
    """Let the idle time begin anew; what was noted less than ``at_least_s`` ago stays."""
    now = time.time()
    if now - session.get(ACTIVE, 0) >= at_least_s:
        session[ACTIVE] = now


@contextmanager
def held(request: HttpRequest, agent: Agent) -> Iterator[None]:
    """Let nothing end the session meanwhile, in a transaction for what is done in it.

    For what outlasts the session: whoever ends it then finds all that was done. Raises
    ``SessionOver`` where it has ended since the request came.
    """
    with atomic():
        # SQLite has one writer at a time anyway.
        now = Agent.objects.select_for_update().get(pk=agent.pk)
        is_same = now.get_session_auth_hash() == agent.get_session_auth_hash()
        key = request.session.session_key or ""
        if not (now.is_active and is_same and request.session.exists(key)):
            raise SessionOver
        yield


@atomic
def end_session(agent: Agent, key: str) -> None:
    """End one of the agent's sessions. Its sockets close when they next ask."""
    Session.objects.filter(session_key=key).delete()
    _record_end(agent)


def end_all_sessions(agent: Agent) -> None:
    """End every session of the agent, on every machine, known here or not."""
    Agent.objects.filter(pk=agent.pk).update(sessions_ended=F("sessions_ended") + 1)
    agent.refresh_from_db(fields=["sessions_ended"])


@atomic
def end_other_sessions(request: HttpRequest, agent: Agent) -> None:
    """End every session of the agent but the one of ``request``."""
    end_all_sessions(agent)
    update_session_auth_hash(request, agent)
    # It has another key by now, under which it has to be found in the list of sessions.
    UserSession.objects.create_from_request(request)
    _record_end(agent)


def _record_end(agent: Agent) -> None:
    record(Deed(act=Act.SESSION_END, about=about_agent(agent)), by=agent)


def note_second_factor(request: HttpRequest, user: Agent, authenticator: Any, **_: Any) -> None:
    """Let a session in which a factor was set up count as one that used it.

    Setting one up takes a first code of it, which is used with that, or the passkey itself. Heard
    from allauth.
    """
    if authenticator.type == authenticator.Type.TOTP:
        authenticator.wrap().validate_code(request.POST.get("code", ""))
    if request.user == user and authenticator.type != authenticator.Type.RECOVERY_CODES:
        given = {"method": "mfa", "at": time.time(), "id": authenticator.pk}
        request.session[RECORDS] = [*request.session.get(RECORDS, []), given]
        request.session[RECORDS_OF] = str(user.pk)


def forget_second_factor(request: HttpRequest, user: Agent, authenticator: Any, **_: Any) -> None:
    """End the sessions that a removed factor opened; in this one it no longer counts.

    Heard from allauth, whose pages remove an agent's own factors.
    """
    if request.user == user and authenticator.type != authenticator.Type.RECOVERY_CODES:
        left = set(type(authenticator).objects.filter(user=user).values_list("pk", flat=True))
        records = request.session.get(RECORDS, [])
        request.session[RECORDS] = [each for each in records if each.get("id") in {None, *left}]
        end_other_sessions(request, user)
