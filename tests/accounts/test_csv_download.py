"""Files that are made while they are sent."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from asgiref.sync import ThreadSensitiveContext
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from accounts.models import Agent, Branch, Role
from accounts.views import csv_download as downloads
from accounts.views.csv_download import INCOMPLETE, Rows, csv_download
from accounts.views.doors import AgentRequest

PARTS = 5


class Made:
    """Counts the parts that are being made at once."""

    def __init__(self, waits_s: float) -> None:
        self._waits_s = waits_s
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.meets = threading.Barrier(2)

    def parts(self) -> Iterator[Rows]:
        for number in range(PARTS):
            with self._lock:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                self.meets.wait(self._waits_s)
            except threading.BrokenBarrierError:
                # Nobody else came: nobody is made beside it.
                self.meets.reset()
            with self._lock:
                self.at_once -= 1
            yield [[str(number)]]


async def read(made: Made, by: Agent) -> str:
    # As each request has it: a thread of its own.
    async with ThreadSensitiveContext():
        request = AgentRequest()
        request.user, request.session = by, SessionStore()
        response = csv_download(request, "a.csv", ["number"], made.parts())
        return b"".join([part async for part in response]).decode()


async def test_an_agents_files_are_made_part_by_part_and_anothers_beside_them():
    own, anothers = Made(waits_s=0.02), Made(waits_s=10)
    first, second = Agent(pk=1), Agent(pk=2)
    whole = "number\n" + "".join(f"{number}\n" for number in range(PARTS))

    assert await asyncio.gather(*(read(own, first) for _ in range(3))) == [whole] * 3
    assert await asyncio.gather(read(anothers, first), read(anothers, second)) == [whole] * 2

    assert own.most_at_once == 1
    assert anothers.most_at_once == 2


def rest_of(response) -> str:
    return b"".join(response).decode()


def sign_out(agent: Agent) -> None:
    Session.objects.all().delete()


def disable(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(is_active=False)


def move(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(branch=Branch.objects.get(code="nice"))


def give_other_role(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(role=Role.OPERATOR, branch=None)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
@pytest.mark.parametrize("lose_rights", [sign_out, disable, move, give_other_role])
@pytest.mark.parametrize("address", ["/transactions/export.csv", "/accounts/C100/statement.csv"])
def test_a_file_under_way_ends_with_the_rights_of_who_asked_for_it(  # noqa: PLR0917
    bank, signed_in, monkeypatch, caplog, address, lose_rights
):
    monkeypatch.setattr(downloads, "CHECK_RIGHTS_S", 0.0)
    client = signed_in(bank.teller)
    whole = rest_of(client.get(f"{address}?range=all"))
    response = client.get(f"{address}?range=all")

    lose_rights(bank.teller)

    said = rest_of(response).splitlines()
    assert INCOMPLETE not in whole
    assert len(whole.splitlines()) > 1
    assert said == [whole.splitlines()[0], f"{INCOMPLETE},0"]
    assert "A file ended after 0 rows" in caplog.text
    assert "C100" not in caplog.text


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
@pytest.mark.parametrize("lose_rights", [sign_out, move])
@pytest.mark.parametrize("address", ["/transactions/export.csv", "/accounts/C100/statement.csv"])
def test_a_file_that_waited_for_its_turn_is_not_begun_without_the_rights(
    bank, signed_in, monkeypatch, address, lose_rights
):
    response = signed_in(bank.teller).get(f"{address}?range=all")
    lose_rights(bank.teller)
    later = downloads.time.monotonic() + 2 * downloads.CHECK_RIGHTS_S
    monkeypatch.setattr(downloads, "time", SimpleNamespace(monotonic=lambda: later))

    assert rest_of(response).splitlines()[1:] == [f"{INCOMPLETE},0"]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
def test_so_does_one_of_the_audit_log(bank, signed_in, monkeypatch):
    monkeypatch.setattr(downloads, "CHECK_RIGHTS_S", 0.0)
    response = signed_in(bank.auditor).get("/audit/export.csv")

    give_other_role(bank.auditor)

    assert rest_of(response).splitlines()[1:] == [f"{INCOMPLETE},0"]
