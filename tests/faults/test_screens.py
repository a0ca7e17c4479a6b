"""Browsers that are away, slow, or not allowed to look any more."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from streaming.connections import MOST_CHARACTERS_ON_THE_WAY, MOST_ON_THE_WAY
from streaming.frames import RIGHTS_CHANGED, SIGNED_OUT
from streaming.sockets import MOST_MISSED_ROWS
from tests.builders import submitted
from tests.faults.bank import Bank
from tests.faults.invariants import check_all
from tests.faults.websocket import Closed, WebSocket
from tests.faults.work import again_and_again
from tests.processes import wait_until

FEW_BYTES = 4_096


@pytest.fixture
def open_bank(bank: Bank) -> Bank:
    """Give a bank whose consumer works, with C100 open."""
    bank.consume()
    bank.open_accounts()
    wait_until(lambda: bank.balance("C100") == 0, "the account is open")
    return bank


def socket_of(bank: Bank, name: str, **more: int) -> WebSocket:
    """Open an agent's socket and subscribe to what comes."""
    cookie = f"sessionid={bank.sign_ins[name]}"
    socket = WebSocket(bank.url, "/ws/live/", cookie=cookie, **more)
    socket.send('{"type": "subscribe"}')
    return socket


@pytest.mark.fault("19")
def test_a_browser_that_was_away_is_told_all_it_missed_once(open_bank: Bank) -> None:
    """Guard: what was missed is read from its position. Without it I7 has a gap of 500."""
    dashboard = open_bank.dashboards[0]
    open_bank.publish(submitted(1))
    wait_until(lambda: dashboard.entry_id == 2, "it is up to date")
    pages = dashboard.pages_read

    dashboard.go_away()
    open_bank.publish(*(submitted(1) for _ in range(MOST_MISSED_ROWS)))
    open_bank.settles()
    assert dashboard.entry_id == 2
    dashboard.come_back()

    check_all(open_bank)
    assert dashboard.pages_read == pages
    assert len(dashboard.rows[-MOST_MISSED_ROWS:]) == MOST_MISSED_ROWS


@pytest.mark.fault("19")
def test_a_browser_that_missed_more_than_is_told_reads_its_page_once(open_bank: Bank) -> None:
    """Guard: the bound on what is told. Without it the page is never read again."""
    dashboard = open_bank.dashboards[0]
    open_bank.publish(submitted(1))
    wait_until(lambda: dashboard.entry_id == 2, "it is up to date")
    pages = dashboard.pages_read

    dashboard.go_away()
    open_bank.publish(*(submitted(1) for _ in range(MOST_MISSED_ROWS + 1)))
    open_bank.settles()
    dashboard.come_back()
    wait_until(lambda: dashboard.entry_id == MOST_MISSED_ROWS + 3, "it has caught up")
    open_bank.publish(submitted(1))
    open_bank.settles()

    check_all(open_bank)
    assert dashboard.pages_read == pages + 1


@pytest.mark.long
@pytest.mark.fault("20")
def test_a_slow_browser_holds_up_nobody_and_is_sent_a_bounded_amount(open_bank: Bank) -> None:
    """Guard: no more on the way than was received. Without it 1.2 million characters are sent."""
    slow = socket_of(open_bank, "inspector", receive_buffer=FEW_BYTES)
    others = [open_bank.dashboards[0], *(open_bank.watch().watches() for _ in range(3))]
    late = []

    while others[0].characters < MOST_CHARACTERS_ON_THE_WAY * 1.2:
        open_bank.publish(*(submitted(1) for _ in range(120)))
        wait_until(open_bank.has_concluded_all, "it is posted")
        began, due = time.monotonic(), open_bank.entries()
        for each in others:
            wait_until(lambda each=each, due=due: each.entry_id >= due, "the others are told")
        late.append(time.monotonic() - began)

    sent = frames_at_hand(slow)
    assert sorted(late)[len(late) // 2] < 5
    assert len(sent) <= MOST_ON_THE_WAY
    assert sum(map(len, sent)) < MOST_CHARACTERS_ON_THE_WAY * 1.1
    told = sum(json.loads(frame).get("count", 0) for frame in sent)
    assert told < open_bank.entries() - 1, "the slow one was held back from nothing"
    check_all(open_bank)
    slow.close()


def frames_at_hand(socket: WebSocket) -> list[str]:
    """Read what was sent, until no more comes."""
    frames = []
    socket.wait_at_most(2)
    try:
        while True:
            frames.append(socket.receive())
    except TimeoutError:
        return frames


@pytest.mark.fault("25")
def test_no_frame_reaches_who_signed_out_was_disabled_or_lost_the_role(open_bank: Bank) -> None:
    """Guard: rights are asked for every 3 s. Every minute, frames came for as long."""
    names = ("teller", "supervisor", "inspector")

    with again_and_again(lambda: open_bank.publish(submitted(1))):
        sockets = {name: socket_of(open_bank, name) for name in names}
        readers = ThreadPoolExecutor(len(names))
        reading = {
            name: readers.submit(read_to_the_end, socket) for name, socket in sockets.items()
        }
        wait_until(lambda: open_bank.entries() > 10, "there is something to tell")
        assert open_bank.teller.post("/auth/logout/", {}).status == 302
        change = "UPDATE accounts_agent SET {} WHERE username = ?"
        open_bank.execute(change.format("is_active = FALSE"), ["supervisor"])
        open_bank.execute(change.format("role = 'operator'"), ["inspector"])
        lost_at = time.monotonic()
        ends = {name: each.result(timeout=30) for name, each in reading.items()}
    open_bank.settles()

    assert {name: code for name, (_told, _last, code) in ends.items()} == {
        "teller": SIGNED_OUT,
        "supervisor": SIGNED_OUT,
        "inspector": RIGHTS_CHANGED,
    }
    for told, last_at, _code in ends.values():
        assert told > 0
        assert last_at - lost_at < 5
    check_all(open_bank)


def read_to_the_end(socket: WebSocket) -> tuple[int, float, int]:
    """Give the number of frames with entries, when the last frame came, and the close code."""
    told, last_at = 0, 0.0
    while True:
        try:
            told += '"type":"entries"' in socket.receive()
        except Closed as end:
            return told, last_at, end.code
        last_at = time.monotonic()
