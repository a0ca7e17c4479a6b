"""Who stands behind a session now: for sockets, which outlive the request that opened them."""

from collections.abc import Collection
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.models import Agent

_KEYS_A_QUERY = 500


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
    )
