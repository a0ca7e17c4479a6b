"""Who looks from where: what the feed reads for, and no longer than somebody looks."""

import pytest

from accounts.models import Agent, Role
from accounts.selectors.audiences import audience_of
from accounts.selectors.filters import Filter
from accounts.selectors.positions import Position
from streaming.connections import Connection
from streaming.feed import Change
from streaming.hub import Hub

TODAY = Filter(range="today")


@pytest.fixture
async def hub(monkeypatch) -> Hub:
    """Give a hub that follows no ledger."""
    monkeypatch.setattr(Hub, "_start", lambda _self: None)
    return Hub()


def connection(role: Role = Role.AUDITOR) -> Connection:
    return Connection("a session", audience_of(Agent(role=role)), agent_id=1)


async def test_a_viewpoint_is_read_for_as_long_as_somebody_looks_from_there(hub):
    first, second = connection(), connection()
    for each in (first, second):
        hub.join(each)
        hub.choose(each, TODAY, ())

    hub.choose(first, None, ())
    both = hub.viewpoints
    hub.leave(second)

    assert {each.chosen for each in both} == {None, TODAY}
    assert {each.chosen for each in hub.viewpoints} == {None}


async def test_who_has_gone_and_then_subscribes_is_kept_nowhere(hub):
    gone = connection()
    hub.join(gone)
    hub.leave(gone)

    hub.choose(gone, TODAY, ())

    assert hub.viewpoints == frozenset()


async def test_who_may_see_no_customers_looks_from_nowhere(hub):
    hub.join(connection(Role.OPERATOR))

    assert hub.viewpoints == frozenset()


async def test_a_break_sends_everybody_back_who_was_told_something(hub):
    subscribed, not_yet = connection(), connection()
    for each in (subscribed, not_yet):
        hub.join(each)
    subscribed.reached = 5
    hub._feed = object()

    hub._deliver(hub._feed, Change(0, Position("another", 9), is_break=True))

    assert '"epoch"' in (await subscribed.next_frame() or "")
    assert not_yet._take() is None
