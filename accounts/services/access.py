"""What is done about access to the portal, others' and one's own. Each act is in the audit log."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django.core.exceptions import PermissionDenied
from django.db.transaction import atomic

from accounts.models import Act, Agent
from accounts.selectors.scope import team_of
from accounts.services.audit import Deed, about_agent, record
from accounts.services.rights import refuse_who_lost_the_right
from accounts.services.sessions import SessionOver, end_all_sessions

# Without those that are taken for one another.
_SIGNS: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def give_new_password(agent: Agent, *, by: Agent) -> str:
    """Give the agent a generated password, which must be changed at first use; return it.

    Ends all of the agent's sessions, and lets the agent in again who was locked out. Raises
    ``PermissionDenied``, as all that is done for others does, once the agent is none of whom
    ``by`` may help any more.
    """
    password = "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))
    # Takes a second, for which nobody who writes should have to wait.
    agent.set_password(password)
    agent.must_change_password = True
    with _helping(agent, by):
        agent.save(update_fields=["password", "must_change_password"])
        _forget_failures(agent)
        _record(Act.PASSWORD_GIVEN, agent, by)
    return password


def take_password(agent: Agent, password: str) -> None:
    """Give the agent the password that the agent chose.

    To look at passwords takes seconds. Whoever was disabled, given another password or signed out
    everywhere meanwhile gets none: raises ``SessionOver``. Nothing else of the agent is written,
    since that may be otherwise by now.
    """
    as_read = {"password": agent.password, "sessions_ended": agent.sessions_ended}
    agent.set_password(password)
    agent.must_change_password = False
    with atomic():
        unchanged = Agent.objects.filter(pk=agent.pk, is_active=True, **as_read)
        if not unchanged.update(password=agent.password, must_change_password=False):
            raise SessionOver
        _record(Act.PASSWORD_CHANGE, agent, agent)


def unlock(agent: Agent, *, by: Agent) -> None:
    """Forget the agent's failed passwords, so that the next one is looked at."""
    with _helping(agent, by):
        _forget_failures(agent)
        _record(Act.UNLOCK, agent, by)


def end_sessions(agent: Agent, *, by: Agent) -> None:
    """Sign the agent out everywhere."""
    with _helping(agent, by):
        end_all_sessions(agent)
        _record(Act.SESSION_END, agent, by)


def remove_second_factor(agent: Agent, *, by: Agent) -> None:
    """Remove every second factor of the agent, who has lost it, and end all sessions."""
    with _helping(agent, by):
        # First, since whoever adds or changes one holds the agent: what they did is removed too.
        end_all_sessions(agent)
        Authenticator.objects.filter(user=agent).delete()
        _record(Act.FACTOR_REMOVED, agent, by)


@contextmanager
def _helping(agent: Agent, by: Agent) -> Iterator[None]:
    """Let neither agent become another one meanwhile, in a transaction for what is done."""
    with atomic():
        refuse_who_lost_the_right(by, agent)
        # A teller may be an administrator by now, whose password is no supervisor's to give.
        if not team_of(by).filter(pk=agent.pk).exists():
            raise PermissionDenied
        yield


def _forget_failures(agent: Agent) -> None:
    AxesProxyHandler.reset_attempts(username=agent.get_username())


def _record(act: Act, agent: Agent, by: Agent) -> None:
    record(Deed(act=act, about=about_agent(agent)), by=by)
