"""Where an agent is signed in now."""

import re
from dataclasses import dataclass
from typing import Final

from allauth.usersessions.models import UserSession

from accounts.models import Agent
from accounts.selectors.sessions import ACTIVE, BEGAN, agents_of_sessions, contents_of

# The first that is named counts: most browsers name others they want to be taken for.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")


@dataclass(frozen=True)
class OpenSession:
    """One session, by the browser and address that it began from."""

    pk: int
    key: str
    address: str
    browser: str
    began_ms: int
    active_ms: int
    is_current: bool


def open_sessions(agent: Agent, *, current_key: str | None) -> list[OpenSession]:
    """Give the agent's sessions that still open something, last used first."""
    known = {each.session_key: each for each in UserSession.objects.filter(user=agent)}
    contents = contents_of(known)
    found = [
        OpenSession(
            pk=known[key].pk,
            key=key,
            address=known[key].ip,
            browser=browser_of(known[key].user_agent),
            began_ms=int(contents[key][BEGAN] * 1000),
            active_ms=int(contents[key][ACTIVE] * 1000),
            is_current=key == current_key,
        )
        for key in agents_of_sessions(list(contents))
    ]
    return sorted(found, key=lambda each: (not each.is_current, -each.active_ms))


def browser_of(user_agent: str) -> str:
    """Give the browser and the system that ``user_agent`` names; empty where it names none."""
    browser = next((name for sign, name in _BROWSERS if f"{sign}/" in user_agent), "")
    system = next((each for each in _SYSTEMS if re.search(rf"\b{each}\b", user_agent)), "")
    return ", ".join(filter(None, [browser, system]))
