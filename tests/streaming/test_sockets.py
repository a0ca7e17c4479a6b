"""The live socket: who is let in, what each is told, and that nobody misses or repeats a row."""

import asyncio
import json

import pytest
from django.db import DataError, close_old_connections
from django.test import Client
from django.utils import timezone

from accounts.identifiers import new_transaction_id
from accounts.models import Agent, Kind, Role
from accounts.selectors.delays import Delayed, Delays
from accounts.selectors.positions import Position, current_position
from accounts.services.limits import Limited
from accounts.services.submissions import submit_transaction
from streaming import frames, hub, live_figures, sockets
from streaming.connections import Connection
from streaming.feed import CHANGES_A_SECOND
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.live import (
    Browser,
    agent,
    branch,
    filed,
    in_database,
    rest,
    sign_in,
    sign_out,
)
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def connections_that_close(monkeypatch):
    """Let threads close their connections: Channels' test client keeps them from it."""
    monkeypatch.setattr("channels.testing.application.no_op", close_old_connections)


@pytest.fixture
async def ledger():
    yield await in_database(LedgerInTest)
    await rest()


@pytest.fixture
async def auditor(ledger):
    return await in_database(sign_in, await in_database(agent))


@pytest.fixture
async def page(auditor):
    browser = Browser(auditor)
    assert await browser.connect()
    yield browser
    await browser.leave()


def identifiers(rows) -> list[str]:
    return [row["transaction_id"] for row in rows]


async def test_an_entry_arrives_with_what_a_row_shows(ledger, page):
    await in_database(filed, "C100", holder="Camille Lefèvre")
    await page.subscribe()
    event = withdrawn(2_500, source="import")

    await in_database(ledger.post, opened(opening_balance_minor=83_000), event)

    frame = await page.next("entries")
    assert frame["count"] == 1
    assert frame["complete"] is True
    opening, row = frame["entries"]
    assert opening["kind"] == "account_opened"
    assert row == {
        "transaction_id": str(event.transaction_id),
        "account": "C100",
        "holder": "Camille Lefèvre",
        "kind": "withdrawal",
        "outcome": "posted",
        "reason": "",
        "amount_minor": -2_500,
        "balance_minor": 80_500,
        "business_date": "2026-11-23",
        "logged_at_ms": 1_001,
        "is_history": True,
    }
    assert frame["position"] == str(await in_database(current_position))


async def test_a_lone_entry_arrives_at_once(ledger, page):
    await in_database(ledger.post, opened())
    await page.subscribe(str(await in_database(current_position)))
    loop = asyncio.get_running_loop()
    delays = []

    # As many as the feed lets through at once, less the one that it began with.
    for _ in range(CHANGES_A_SECOND - 1):
        event = submitted()
        await in_database(ledger.post, event)
        began = loop.time()
        await page.next("entries")
        delays.append(loop.time() - began)

    assert min(delays) < 0.9 / CHANGES_A_SECOND


async def test_what_a_browser_says_it_received_costs_no_connection(ledger, page, monkeypatch):
    await page.subscribe()
    monkeypatch.setattr("channels.consumer.aclose_old_connections", None)

    await page.send({"type": "received", "count": 1})
    await in_database(ledger.post, opened())

    assert (await page.next("entries"))["count"] == 0


@pytest.mark.fault("19")
async def test_who_comes_back_gets_what_was_missed_once_and_in_order(ledger, auditor):
    await in_database(ledger.post, opened(), submitted(1))
    before = Browser(auditor)
    await before.connect()
    position = (await before.subscribe())["position"]
    await before.leave()
    missed = [submitted(n) for n in range(2, 40)]
    await in_database(ledger.post, *missed)

    after = Browser(auditor)
    await after.connect()
    await after.subscribe(position)
    later = submitted(99)
    await in_database(ledger.post, later)
    rows = await after.entries(len(missed) + 1)
    await after.leave()

    assert identifiers(rows) == [str(each.transaction_id) for each in [*missed, later]]


@pytest.mark.fault("19")
async def test_coming_back_in_the_middle_of_a_stream_neither_loses_nor_repeats(ledger, auditor):
    await in_database(ledger.post, opened())
    events = [submitted(n) for n in range(1, 121)]
    position = str(await in_database(current_position))
    seen: list[dict] = []

    async def post_all():
        for start in range(0, len(events), 4):
            await in_database(ledger.post, *events[start : start + 4])
            await asyncio.sleep(0.01)

    posting = asyncio.create_task(post_all())
    while len(seen) < len(events):
        browser = Browser(auditor)
        await browser.connect()
        await browser.subscribe(position)
        for frame in [await browser.next("entries")]:
            seen += frame["entries"]
            position = frame["position"]
        await browser.leave()
    await posting

    assert identifiers(seen) == [str(event.transaction_id) for event in events]


async def test_who_was_away_too_long_is_sent_back_to_the_pages_data(ledger, auditor, monkeypatch):
    monkeypatch.setattr(sockets, "MOST_MISSED_ROWS", 5)
    await in_database(ledger.post, opened())
    position = str(await in_database(current_position))
    await in_database(ledger.post, *(submitted() for _ in range(6)))
    browser = Browser(auditor)
    await browser.connect()

    answer = await browser.subscribe(position)

    assert answer == {"type": "reload", "reason": "behind"}
    await browser.leave()


async def test_a_position_of_another_ledger_sends_back_to_the_pages_data(ledger, page):
    await in_database(ledger.post, opened())

    for position in ("7.abc:1", str(await in_database(current_position)) + "0"):
        assert await page.subscribe(position) == {"type": "reload", "reason": "epoch"}


async def test_a_new_log_sends_every_page_back_to_its_data(ledger, page):
    await in_database(ledger.post, opened())
    await page.subscribe()

    await in_database(ledger.log.__class__.objects.update, adopted_at_ms=1)

    assert (await page.next("reload"))["reason"] == "epoch"


async def test_a_ledger_replaced_while_a_page_subscribes_sends_it_back(ledger, page, monkeypatch):
    """Red where ids are compared before it is known that they are of one ledger."""
    await in_database(ledger.post, opened())
    await page.subscribe()
    here, look = hub.hub(), sockets._is_there

    def looks_and_is_replaced(known: Position) -> bool:
        is_there = look(known)
        ledger.log.__class__.objects.update(adopted_at_ms=1)
        wait_until(lambda: here.position.epoch != known.epoch, "the hub has heard of it")
        return is_there

    monkeypatch.setattr(sockets, "_is_there", looks_and_is_replaced)

    answer = await page.subscribe(str(await in_database(current_position)))

    assert answer == {"type": "reload", "reason": "epoch"}


async def test_much_at_once_is_told_by_its_newest_rows_and_its_exact_number(ledger, page):
    await in_database(ledger.post, opened())
    await page.subscribe(str(await in_database(current_position)))
    events = [submitted(n) for n in range(1, 251)]

    await in_database(ledger.post, *events)

    frame = await page.next("entries")
    assert frame["count"] == 250
    assert frame["complete"] is False
    assert identifiers(frame["entries"]) == [str(e.transaction_id) for e in events[-100:]]


async def test_a_flood_makes_at_most_a_few_frames_and_no_number_is_lost(ledger, page):
    await in_database(ledger.post, opened())
    await page.subscribe()
    loop = asyncio.get_running_loop()
    began, counted, got = loop.time(), 0, 0

    async def post_all():
        for _ in range(60):
            await in_database(ledger.post, *(submitted() for _ in range(20)))

    posting = asyncio.create_task(post_all())
    while counted < 1_200:
        counted += (await page.next("entries"))["count"]
        got += 1
    await posting

    assert counted == 1_200
    assert got <= 4 + 4 * (loop.time() - began) + 1


@pytest.mark.parametrize("role", [Role.TELLER, Role.SUPERVISOR])
async def test_a_branch_sees_its_own_accounts_only(ledger, role):
    await in_database(filed, "C100", "lyon")
    await in_database(filed, "C200", "paris")
    who = await in_database(agent, "someone", role, "lyon")
    browser = Browser(await in_database(sign_in, who))
    await browser.connect()
    await browser.subscribe(range="all", account=["C100", "C200"])
    theirs, ours = submitted(account="C200"), submitted(account="C100")

    await in_database(ledger.post, opened(account="C200"), opened(), theirs, ours)

    rows = await browser.entries(1)
    assert [row["transaction_id"] for row in rows] == [str(ours.transaction_id)]
    figures = (await browser.next("figures"))["figures"]
    while not figures["totals"]["deposits"]:
        figures = (await browser.next("figures"))["figures"]
    assert figures["totals"]["deposits"] == 1
    assert [line["account"] for line in figures["balance"]["lines"]] == ["C100"]
    assert "C200" not in str(browser.frames)
    await browser.leave()


FILTERS = [
    {},
    {"range": "all", "account": ["C100", "C200", "C300"]},
    {"range": "all", "account": ["C200"]},
    {"range": "all", "all_entries": True},
    {"range": "all", "branch": "paris"},
    {"range": "all", "agent": "elsewhere"},
    {"range": "all", "outcome": "rejected"},
    {"range": "all", "kind": "account_opened"},
]


def _opens(who: Agent, identifier: str) -> bool:
    client = Client()
    client.force_login(who)
    return client.get(f"/transactions/{identifier}/").status_code == 200


@pytest.mark.parametrize(
    ("role", "code", "seen"),
    [
        (Role.TELLER, "lyon", {"C100"}),
        (Role.SUPERVISOR, "paris", {"C200"}),
        (Role.AUDITOR, "", {"C100", "C200", "C300"}),
        (Role.ADMINISTRATOR, "", {"C100", "C200", "C300"}),
    ],
)
async def test_no_frame_carries_a_row_whose_page_would_not_open(
    ledger, monkeypatch, role, code, seen
):
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.05)
    await in_database(filed, "C100", "lyon")
    await in_database(filed, "C200", "paris")
    who = await in_database(agent, "someone", role, code)
    key = await in_database(sign_in, who)
    before = await in_database(current_position)
    openings = [opened(account=number) for number in ("C100", "C200", "C300")]
    await in_database(ledger.post, *openings, *_some_of_each())
    browsers = [Browser(key) for _filter in FILTERS]
    for browser, chosen in zip(browsers, FILTERS, strict=True):
        await browser.connect()
        # What came since ``before`` is caught up with; the rest is told live.
        await browser.subscribe(str(before), panels=(), **chosen)

    await in_database(ledger.post, *_some_of_each())
    last = (await in_database(current_position)).entry_id
    for browser in browsers:
        while Position.parse((await browser.next("heartbeat"))["position"]).entry_id < last:
            pass

    rows = [
        row for browser in browsers for frame in browser.frames for row in frame.get("entries", [])
    ]
    assert {row["account"] for row in rows} == seen
    for identifier in {row["transaction_id"] for row in rows}:
        assert await in_database(_opens, who, identifier)
    for browser in browsers:
        await browser.leave()


def _some_of_each():
    for number in ("C100", "C200", "C300"):
        yield submitted(account=number, submitted_by="elsewhere")
        yield withdrawn(10**9, account=number)


async def test_a_branch_is_told_the_number_of_its_own_transactions_in_a_flood(ledger):
    await in_database(filed, "C100", "lyon")
    await in_database(filed, "C200", "paris")
    who = await in_database(agent, "someone", Role.TELLER, "lyon")
    browser = Browser(await in_database(sign_in, who))
    await browser.connect()
    await in_database(ledger.post, opened(account="C200"), opened())
    await browser.subscribe(str(await in_database(current_position)))

    await in_database(
        ledger.post,
        *(submitted(account="C200") for _ in range(300)),
        *(submitted(account="C100") for _ in range(30)),
    )

    frame = await browser.next("entries")
    assert (frame["count"], len(frame["entries"]), frame["complete"]) == (30, 30, True)
    assert {row["account"] for row in frame["entries"]} == {"C100"}
    await browser.leave()


async def test_an_operator_gets_no_customers_rows_and_no_figures(ledger):
    who = await in_database(agent, "operator", Role.OPERATOR)
    browser = Browser(await in_database(sign_in, who))
    await browser.connect()
    await browser.subscribe(range="all")

    await in_database(ledger.post, opened(), submitted())

    assert await browser.is_silent()
    await browser.leave()


async def test_figures_follow_the_ledger(ledger, page):
    await in_database(ledger.post, opened(opening_balance_minor=83_000))
    await page.subscribe(range="all", account=["C100"])
    before = (await page.next("figures"))["figures"]

    await in_database(ledger.post, submitted(10_000))

    after = (await page.next("figures"))["figures"]
    assert before["totals"]["deposits"] == 0
    assert after["totals"]["deposits_minor"] == 10_000
    line = after["balance"]["lines"][0]
    assert line["balance_minor"] == 93_000
    assert line["steps"][0][1:] == [93_000, 10_000]
    assert after["bars"]["rows"][0]["deposits"] == 1
    assert after["period"]["rows"][0]["balance_minor"] == 93_000


@pytest.mark.parametrize("number", [3, 300])
async def test_rows_pass_the_filter_of_whoever_looks(ledger, page, auditor, number):
    await in_database(ledger.post, opened(), opened(account="C200"))
    begin = str(await in_database(current_position))
    await page.subscribe(begin, account=["C200"], kind="withdrawal", agent="bea")
    events = [submitted(100, account="C200", submitted_by="bea") for _ in range(number)]
    wanted = withdrawn(1, account="C200", submitted_by="bea")
    others = (withdrawn(1), withdrawn(1, account="C200"), submitted(1, submitted_by="bea"))

    await in_database(ledger.post, *events, wanted, *others)

    frame = await page.next("entries")
    assert [row["transaction_id"] for row in frame["entries"]] == [str(wanted.transaction_id)]
    assert (frame["count"], frame["complete"]) == (1, True)
    # Whoever was away meanwhile is told the same.
    late = Browser(auditor)
    await late.connect()
    await late.subscribe(begin, account=["C200"], kind="withdrawal", agent="bea")
    frame = await late.next("entries")
    assert [row["transaction_id"] for row in frame["entries"]] == [str(wanted.transaction_id)]
    await late.leave()


async def test_a_page_is_sent_the_panels_that_it_has_and_no_others(ledger, page):
    await in_database(ledger.post, opened(), submitted())

    await page.subscribe(panels=("heat", "totals", "nothing"), range="all")

    assert set((await page.next("figures"))["figures"]) == {"heat", "totals"}


async def test_what_several_pages_show_is_read_once_for_all_of_them(
    ledger, page, auditor, monkeypatch
):
    await in_database(ledger.post, opened())
    other = Browser(auditor)
    await other.connect()
    await page.subscribe(panels=("totals", "bars"), range="all")
    await other.subscribe(panels=("totals", "heat"), range="all")
    for each in (page, other):
        await each.next("figures")
    read, asked = live_figures.read_panels, []

    def noted(agent, chosen, panels):
        asked.append(sorted(panel.name for panel in panels))
        return read(agent, chosen, panels)

    monkeypatch.setattr(live_figures, "read_panels", noted)
    await in_database(ledger.post, submitted())

    # A commit that was heard of late may have one of them read for before the other.
    assert await _told_of(page, 2) == {"totals", "bars"}
    assert await _told_of(other, 2) == {"totals", "heat"}
    assert ["bars", "heat", "totals"] in asked
    await other.leave()


async def _told_of(browser: Browser, number: int) -> set[str]:
    told: set[str] = set()
    while len(told) < number:
        told |= (await browser.next("figures"))["figures"].keys()
    return told


async def test_another_filter_gets_its_own_figures_at_once(ledger, page):
    await in_database(ledger.post, opened(), submitted(business_date="2024-01-01"))
    await page.subscribe(range="all")
    every = (await page.next("figures"))["figures"]

    await page.subscribe(range="dates", **{"from": "2024-01-02"})

    other = (await page.next("figures"))["figures"]
    assert (every["totals"]["deposits"], other["totals"]["deposits"]) == (1, 0)


async def test_each_answer_says_which_subscription_it_belongs_to(ledger, page):
    for turn in (1, 2):
        await page.send({"type": "subscribe", "turn": turn, "position": None})

    assert [(await page.next("subscribed"))["turn"] for _ in range(2)] == [1, 2]


@pytest.fixture
def broken_filter(monkeypatch):
    """Let the figures for today fail; what is put into the list is raised."""
    raised = [RuntimeError("a figure that nobody expected")]

    def read(audience, chosen, panels):
        if chosen.range == "today" and raised:
            raise raised[0]
        return readable(audience, chosen, panels)

    readable = live_figures._read
    monkeypatch.setattr(live_figures, "_read", read)
    return raised


@pytest.mark.parametrize("reason", [RuntimeError("unexpected"), DataError("NUL in a text")])
async def test_figures_that_cannot_be_read_leave_those_of_others_alone(
    ledger, auditor, page, broken_filter, reason
):
    broken_filter[:] = [reason]
    await in_database(ledger.post, opened())
    await page.subscribe(str(await in_database(current_position)), range="today")
    await page.next("unreadable")
    other = Browser(auditor)
    await other.connect()
    await other.subscribe(range="all")
    await other.next("figures")

    await in_database(ledger.post, submitted(10_000, business_date=timezone.localdate()))

    figures = (await other.next("figures"))["figures"]
    assert figures["totals"]["deposits_minor"] == 10_000
    assert (await page.next("entries"))["count"] == 1
    assert [each["type"] for each in page.frames].count("unreadable") == 1
    await other.leave()


async def test_figures_follow_as_soon_as_they_can_be_read(ledger, page, broken_filter):
    await in_database(ledger.post, opened())
    await page.subscribe(range="today")
    await page.next("unreadable")

    broken_filter.clear()

    assert (await page.next("figures"))["figures"]["totals"]["deposits"] == 0


async def test_a_subscription_that_fails_ends_its_own_socket_only(
    ledger, auditor, page, monkeypatch
):
    await in_database(ledger.post, opened())
    await page.subscribe(str(await in_database(current_position)))
    subscribe = sockets._subscribe

    async def fail(connection, wanted):
        if wanted.filter is not None:
            raise RuntimeError("nobody expected this")
        await subscribe(connection, wanted)

    monkeypatch.setattr(sockets, "_subscribe", fail)
    other = Browser(auditor)
    await other.connect()
    await other.send({"type": "subscribe", "position": None, "filter": {"range": "all"}})

    assert await other.closed() == frames.TRY_LATER
    await other.leave()
    await in_database(ledger.post, submitted())
    assert (await page.next("entries"))["count"] == 1


@pytest.mark.fault("25")
async def test_signing_out_closes_the_socket_within_five_seconds(auditor, page):
    await page.subscribe()
    began = asyncio.get_running_loop().time()

    await in_database(sign_out, auditor)

    assert await page.closed() == frames.SIGNED_OUT
    assert asyncio.get_running_loop().time() - began < 5


async def test_frames_do_not_prolong_a_session_and_its_end_closes_the_socket(
    ledger, page, auditor, settings
):
    settings.SESSION_IDLE_MINUTES = 1 / 20
    await page.subscribe()
    began = asyncio.get_running_loop().time()

    await in_database(ledger.post, opened())
    await page.next("entries")

    assert await page.closed() == frames.SIGNED_OUT
    assert asyncio.get_running_loop().time() - began < 3 + 5


async def test_a_session_that_owes_a_second_factor_opens_no_socket(auditor, settings):
    settings.SECOND_FACTOR_ROLES = frozenset({Role.AUDITOR})
    browser = Browser(auditor)
    await browser.connect()

    assert await browser.closed() == frames.SIGNED_OUT


@pytest.mark.fault("25")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_active": False}, frames.SIGNED_OUT),
        ({"sessions_ended": 1}, frames.SIGNED_OUT),
        ({"must_change_password": True}, frames.SIGNED_OUT),
        ({"role": Role.OPERATOR}, frames.RIGHTS_CHANGED),
        ({"role": Role.TELLER, "branch": "lyon"}, frames.RIGHTS_CHANGED),
    ],
)
async def test_a_lost_right_closes_the_socket_within_five_seconds(page, change, code):
    await page.subscribe()
    began = asyncio.get_running_loop().time()
    if "branch" in change:
        change = change | {"branch": await in_database(branch, "lyon")}

    await in_database(Agent.objects.filter(username="auditor").update, **change)

    assert await page.closed() == code
    assert asyncio.get_running_loop().time() - began < 5


async def test_who_is_not_signed_in_is_told_so(ledger):
    browser = Browser("no such session")
    await browser.connect()

    assert await browser.closed() == frames.SIGNED_OUT


@pytest.mark.parametrize(
    "origin", [b"https://elsewhere.example", b"http://localhost:9999", b"null", b"", None]
)
@pytest.mark.parametrize("allowed", [["localhost"], ["*"]])
async def test_a_page_of_another_site_is_refused(auditor, settings, origin, allowed):
    settings.ALLOWED_HOSTS = allowed

    assert not await Browser(auditor, origin=origin).connect()


async def test_a_name_that_is_no_host_of_ours_is_refused_even_to_its_own_page(auditor, settings):
    settings.ALLOWED_HOSTS = ["bank.example"]
    rebound = {"origin": b"http://evil.example", "host": b"evil.example"}

    assert not await Browser(auditor, **rebound).connect()


async def test_a_trusted_origin_is_let_in(auditor, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://*.bank.example"]
    browser = Browser(auditor, origin=b"https://portal.bank.example")

    assert await browser.connect()
    await browser.leave()


TOO_MANY_PANELS = json.dumps({"type": "subscribe", "panels": [{"name": "totals"}] * 33})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "position": "nonsense"}', frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "filter": {"account": [1]}}', frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "filter": {"secret": "x"}}', frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "filter": {"agent": "\\u0000"}}', frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "filter": {"account": ["C1\\u0000"]}}', frames.NOT_UNDERSTOOD),
        ('{"type": "subscribe", "turn": -1}', frames.NOT_UNDERSTOOD),
        (TOO_MANY_PANELS, frames.NOT_UNDERSTOOD),
        ('{"type": "become_admin"}', frames.NOT_UNDERSTOOD),
        ("[" * 4_000, frames.NOT_UNDERSTOOD),
        ('{"type": "received", "count": 1' + " " * 5_000 + "}", frames.TOO_LARGE),
    ],
)
async def test_a_message_that_no_page_of_ours_sends_closes_the_socket(page, text, code):
    await page.subscribe()

    await page.send_text(text)

    assert await page.closed() == code


async def test_too_many_messages_close_the_socket(page):
    await page.subscribe()

    for _ in range(60):
        await page.send({"type": "received", "count": 0})

    assert await page.closed() == frames.TOO_MANY


async def test_what_panels_look_for_is_counted_once_as_a_search(page, settings):
    """Red without the count: by socket a teller could search as fast as it reads figures."""
    settings.MOST_A_MINUTE = settings.MOST_A_MINUTE | {Limited.SEARCH: 2}

    async def look(turn, words):
        panels = [{"name": name, "find": words} for name in ("bars", "heat")]
        message = {"type": "subscribe", "turn": turn, "position": None, "panels": panels}
        await page.send(message)

    for turn, words in enumerate(("Mar", "Mar", "Mart", "Mart", "")):
        await look(turn, words)
        assert (await page.next("subscribed"))["turn"] == turn
    await look(9, "Marti")

    assert await page.closed() == frames.TOO_MANY


async def test_an_agent_has_so_many_sockets_in_all_sessions_and_no_more(
    ledger, auditor, page, monkeypatch
):
    """Meant to fail where each session counts by itself: an agent may have any number of these."""
    monkeypatch.setattr(hub, "MOST_OF_AN_AGENT", 1)
    own = await in_database(Agent.objects.get, username="auditor")
    others = await in_database(agent, "other")
    second, third = [Browser(await in_database(sign_in, each)) for each in (own, others)]
    for browser in (second, third):
        await browser.connect()

    assert await second.closed() == frames.TOO_MANY
    for browser in (page, third):
        await browser.subscribe()
    await third.leave()


def test_every_close_code_is_one_that_the_web_server_sends():
    codes = [
        value
        for name, value in vars(frames).items()
        if name.isupper() and name not in {"LONGEST_MESSAGE", "MOST_PANELS", "MOST_TURNS"}
    ]

    assert len(codes) == 6
    assert all(4000 <= code <= 4999 for code in codes)


async def test_dates_at_the_end_of_time_harm_nobody(ledger, auditor):
    await in_database(ledger.post, opened(), submitted(1))
    browser = Browser(auditor)
    await browser.connect()

    await browser.subscribe(None, range="dates", **{"from": "0001-01-01", "to": "9999-12-31"})
    shown = await browser.next("figures")
    await browser.leave()

    assert shown["figures"]["totals"]["deposits"] == 1


async def test_the_heartbeat_says_what_waits_longer_than_usual(ledger, page, monkeypatch):
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr("accounts.selectors.delays.LATE_AFTER_MS", 0)
    await page.subscribe()
    quiet = await page.next("heartbeat")

    await in_database(submit, await in_database(agent, "teller", Role.TELLER, "lyon"))
    waiting = quiet
    while waiting["delays"]["kafka"] is None:
        waiting = await page.next("heartbeat")

    assert quiet["day"] == timezone.localdate().isoformat()
    assert quiet["delays"] == {"kafka": None, "ledger": None}
    assert waiting["delays"]["kafka"]["number"] == 1
    assert waiting["delays"]["ledger"] is None


async def test_a_commit_is_followed_by_a_heartbeat_where_the_last_one_said_that_something_waits(
    ledger, page, monkeypatch
):
    monkeypatch.setattr(hub, "HEARTBEAT_S", 600)
    monkeypatch.setattr(hub, "_BEAT_AGAIN_S", 0)
    await page.subscribe()
    for event in (opened(), submitted()):
        await in_database(ledger.post, event)
        await page.next("entries")
    told = [each["type"] for each in page.frames]

    waiting = Delays(Delayed(1, since_ms=0), None)
    monkeypatch.setattr(hub, "delays", lambda: waiting)
    hub.hub()._last_said = waiting
    await in_database(ledger.post, submitted())
    last = str(await in_database(current_position))
    # The commit before may have brought one too, had it not been heard of until now.
    while (await page.next("heartbeat"))["position"] != last:
        pass

    assert "heartbeat" not in told


def submit(teller: Agent) -> None:
    filed("C100", "lyon")
    submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.DEPOSIT,
        amount_minor=1_000,
        by=teller,
    )


async def test_a_feed_that_failed_is_replaced_and_the_browsers_come_back(
    ledger, auditor, page, monkeypatch, caplog
):
    """Red where the feed's thread ends unheard: nobody would be told anything any more."""
    await in_database(ledger.post, opened())
    await page.subscribe()

    def fails(*_details, **_named):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("streaming.feed.rows_after", fails)
        await in_database(ledger.post, submitted())
        assert await page.closed() == frames.TRY_LATER
    again = Browser(auditor)
    await again.connect()
    await again.subscribe()
    event = submitted()
    await in_database(ledger.post, event)

    assert identifiers(await again.entries(1)) == [str(event.transaction_id)]
    assert "The hub starts over." in caplog.text
    await again.leave()


async def test_a_socket_whose_work_is_cut_short_is_forgotten(auditor, monkeypatch):
    """The web server cuts off who has gone while a message of theirs is still looked at."""
    begun = asyncio.Event()

    async def waits(*_details: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(sockets, "_subscribe", waits)
    browser = Browser(auditor)
    await browser.connect()
    await browser.send({"type": "subscribe"})
    async with asyncio.timeout(10):
        await begun.wait()
    assert hub.hub()._connections

    await browser.cut_off()

    assert not hub.hub()._connections


async def test_of_an_agents_windows_one_is_looked_at_at_a_time(auditor, monkeypatch):
    looked_at: asyncio.Queue[int] = asyncio.Queue()
    may_end = asyncio.Event()

    async def waits(connection: Connection, _wanted: object) -> None:
        looked_at.put_nowait(connection.agent_id)
        await may_end.wait()

    monkeypatch.setattr(sockets, "_subscribe", waits)
    other = await in_database(sign_in, await in_database(agent, "other"))
    browsers = [Browser(key) for key in (auditor, auditor, auditor, other)]
    for browser in browsers:
        await browser.connect()
        await browser.send({"type": "subscribe"})

    async with asyncio.timeout(10):
        first = {await looked_at.get(), await looked_at.get()}
        may_end.set()
        rest = {await looked_at.get(), await looked_at.get()}
    assert len(first) == 2
    assert len(rest) == 1
    for browser in browsers:
        await browser.leave()
