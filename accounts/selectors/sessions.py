"""What a session is worth now, and who stands behind it: one answer for pages and sockets.

Sockets outlive the request that opened them, so they ask again and again.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from importlib import import_module
from typing import Any, Final, TypeAlias

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import Agent

# What a session keeps besides what Django and allauth do, in seconds since the epoch.
BEGAN: Final = "signed_in_at"
ACTIVE: Final = "active_at"

# Where allauth keeps how its agent signed in.
RECORDS: Final = "account_authentication_methods"
RECORDS_OF: Final = "account_authentication_methods_user"

_KEYS_A_QUERY = 500


# What a session holds, decoded or not.
Content: TypeAlias = Mapping[str, Any] | SessionBase


class Standing(Enum):
    """What a session opens: nothing, the one page that is due, or what its agent may see."""

    ENDED = auto()
    SECOND_FACTOR_DUE = auto()
    PASSWORD_DUE = auto()
    SIGNED_IN = auto()


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until a session ends: unused, and however much it is used."""

    idle_s: float
    whole_s: float

    @property
    def seconds(self) -> float:
        """Until it ends as things are."""
        return min(self.idle_s, self.whole_s)


def time_left(content: Content) -> TimeLeft:
    """Tell how long the session goes on; one without its times has ended."""
    now = time.time()
    return TimeLeft(
        content.get(ACTIVE, 0) + settings.SESSION_IDLE_MINUTES * 60 - now,
        content.get(BEGAN, 0) + settings.SESSION_HOURS * 3600 - now,
    )


def standing_of(content: Content, agent: Agent) -> Standing:
    """Tell what the session opens to ``agent``, whose it is.

    Everything that asks whether somebody is signed in asks here: the middleware for pages, the
    admin, sockets. Without a second factor, where the role needs one, a session is none.
    """
    if time_left(content).seconds <= 0:
        return Standing.ENDED
    if agent.role in settings.SECOND_FACTOR_ROLES and not used_second_factor(content, agent):
        return Standing.SECOND_FACTOR_DUE
    return Standing.PASSWORD_DUE if agent.must_change_password else Standing.SIGNED_IN


def used_second_factor(content: Content, agent: Agent) -> bool:
    """Tell whether a one-time code, a recovery code or a passkey was given in this session."""
    return any(record.get("method") == "mfa" for record in _records(content, agent))


def last_sign_in(content: Content, agent: Agent) -> float:
    """Give when the agent last signed in or again in this session, in seconds; 0 if unknown."""
    return max((record.get("at", 0.0) for record in _records(content, agent)), default=0.0)


def _records(content: Content, agent: Agent) -> list[dict[str, Any]]:
    is_own = content.get(RECORDS_OF) == str(agent.pk)
    return content.get(RECORDS) or [] if is_own else []


def agents_of_sessions(keys: Collection[str]) -> dict[str, Agent]:
    """Give the agent signed in by each session of ``keys``; sessions that ended are left out.

    Two queries for every 500 sessions. Reads only: it neither prolongs a session nor ends one.
    """
    signed_in: dict[str, Agent] = {}
    ordered = list(keys)
    for start in range(0, len(ordered), _KEYS_A_QUERY):
        contents = _contents(ordered[start : start + _KEYS_A_QUERY])
        agents = Agent.objects.in_bulk(
            [content[SESSION_KEY] for content in contents.values() if SESSION_KEY in content]
        )
        for key, content in contents.items():
            agent = agents.get(_agent_id(content))
            if agent is not None and _is_valid(content, agent):
                signed_in[key] = agent
    return signed_in


def is_entitled(agent: Agent, session_key: str) -> bool:
    """Tell whether a session goes on, with the rights that ``agent`` had when it was read.

    For work that has waited for its turn, or takes its time.
    """
    now = agents_of_sessions([session_key]).get(session_key)
    return now is not None and (now.pk, now.role, now.branch_id) == (
        agent.pk,
        agent.role,
        agent.branch_id,
    )


def contents_of(keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """Give what the sessions of ``keys`` hold; those that ended are left out."""
    return {
        key: content
        for key, content in _contents(list(keys)).items()
        if time_left(content).seconds > 0
    }


def _contents(keys: list[str]) -> dict[str, dict[str, Any]]:
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    return {row.session_key: store.decode(row.session_data) for row in rows}


def _agent_id(content: dict[str, Any]) -> int | None:
    return int(content[SESSION_KEY]) if SESSION_KEY in content else None


def _is_valid(content: dict[str, Any], agent: Agent) -> bool:
    """Hold the session to what a request holds it to: Django's ``auth.get_user``."""
    hashes = [agent.get_session_auth_hash(), *agent.get_session_auth_fallback_hash()]
    found = content.get(HASH_SESSION_KEY, "")
    return (
        agent.is_active
        and content.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and any(constant_time_compare(found, each) for each in hashes)
        and standing_of(content, agent) is Standing.SIGNED_IN
    )
