"""So much a minute, for each agent, in all web processes together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.identifiers import new_transaction_id
from accounts.models import AuditRecord, Board, Submission
from accounts.services import limits
from accounts.services.boards import create_board
from accounts.services.limits import Limited, seconds_to_wait

SHARE_S = 20  # of a minute, at three a minute


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_800_000_000

    def time_ns(self) -> int:
        return self.now_s * 10**9


@pytest.fixture
def clock(monkeypatch, settings) -> Clock:
    settings.MOST_A_MINUTE = dict.fromkeys(Limited, 3)
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


@pytest.mark.django_db
def test_a_minute_brings_what_it_brings_and_no_more(clock):
    assert [seconds_to_wait(1, Limited.SEARCH) for _ in range(4)] == [0, 0, 0, SHARE_S]

    clock.now_s += SHARE_S - 1
    assert seconds_to_wait(1, Limited.SEARCH) == 1
    clock.now_s += 1
    assert [seconds_to_wait(1, Limited.SEARCH) for _ in range(2)] == [0, SHARE_S]
    clock.now_s += 3600
    assert [seconds_to_wait(1, Limited.SEARCH) for _ in range(4)] == [0, 0, 0, SHARE_S]


@pytest.mark.django_db
def test_each_agent_and_each_act_is_counted_by_itself(clock):
    for _ in range(4):
        seconds_to_wait(1, Limited.SEARCH)

    assert seconds_to_wait(2, Limited.SEARCH) == 0
    assert seconds_to_wait(1, Limited.EXPORT) == 0
    assert seconds_to_wait(1, Limited.SEARCH) > 0


@pytest.mark.django_db
def test_a_clock_that_was_put_back_locks_nobody_out(clock):
    for _ in range(4):
        seconds_to_wait(1, Limited.SEARCH)

    clock.now_s -= 3600

    assert seconds_to_wait(1, Limited.SEARCH) == 0


@pytest.mark.django_db(transaction=True)
def test_those_who_ask_at_once_share_one_count(clock, monkeypatch):
    # Who waits in vain is let through, and here all wait for each other.
    monkeypatch.setattr(limits, "_PATIENCE_S", 60)
    together = threading.Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        try:
            return seconds_to_wait(1, Limited.SEARCH)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as many:
        waits = list(many.map(ask, range(8)))

    assert waits.count(0) == 3


def test_where_nothing_can_be_counted_work_goes_on(bank, clock, settings, tmp_path, caplog):
    settings.LIMITS_FILE = tmp_path / "no such folder" / "limits.sqlite3"
    if connection.vendor == "postgresql":
        connection.cursor().execute("DROP TABLE accounts_allowance")

    assert [seconds_to_wait(1, Limited.SEARCH) for _ in range(4)] == [0, 0, 0, 0]
    assert "Uncounted" in caplog.text


def fields(**changes: str) -> dict[str, str]:
    asked = {"account": "C100", "kind": "deposit", "amount": "10", "reference": "Rent in May"}
    return {"transaction_id": str(new_transaction_id()), **asked, **changes}


def test_a_submission_too_many_is_kept_typed_and_sent_later_as_the_same(client, bank, clock):
    client.force_login(bank.teller)
    for _ in range(3):
        assert client.post("/transactions/new/", fields()).status_code == 302
    typed = fields()

    refused = client.post("/transactions/new/", typed)

    page = refused.content.decode()
    assert refused.status_code == 429
    assert "Attendez 20\xa0secondes" in page
    assert "Rent in May" in page
    assert typed["transaction_id"] in page
    assert Submission.objects.count() == 3
    clock.now_s += SHARE_S
    assert client.post("/transactions/new/", typed).status_code == 302
    assert Submission.objects.filter(transaction_id=typed["transaction_id"]).count() == 1


def test_openings_count_among_the_submissions(client, bank, clock):
    client.force_login(bank.teller)
    for _ in range(3):
        client.post("/transactions/new/", fields())

    opening = {"number": "C777", "holder": "Camille", "opening_balance": "10", "overdraft": "0"}
    refused = client.post("/accounts/new/", opening | {"transaction_id": str(new_transaction_id())})

    assert refused.status_code == 429
    assert "Camille" in refused.content.decode()


def test_what_is_typed_wrong_is_not_counted(client, bank, clock):
    client.force_login(bank.teller)

    answers = [client.post("/transactions/new/", fields(amount="")).status_code for _ in range(5)]

    assert answers == [422] * 5


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/?account=zz",
        "/transactions/export.csv",
        "/dashboard/?range=all",
        "/dashboard/figures/?range=all",
        "/dashboard/figures/?panels=bars&bars_find=Mar",
        "/accounts/C100/statement.csv",
        "/accounts/C100/statement.pdf",
    ],
)
def test_a_page_too_many_says_when_to_ask_again(client, bank, clock, address):
    client.force_login(bank.teller)
    for _ in range(3):
        assert client.get(address).status_code == 200

    refused = client.get(address)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "20"
    assert "20" in refused.content.decode()


def test_looking_in_a_panel_and_searching_are_counted_together(client, bank, clock):
    client.force_login(bank.supervisor)
    looks = ("/dashboard/?bars_find=Mar", "/accounts/?account=zz", "/dashboard/?heat_find=C")
    for address in looks:
        assert client.get(address).status_code == 200

    assert [client.get(address).status_code for address in looks] == [429] * 3
    assert client.get("/dashboard/?bars_find=%20").status_code == 200


def test_a_dashboards_figures_are_counted_with_its_page_and_without(client, bank, clock):
    client.force_login(bank.supervisor)
    pages = ("/dashboard/?agent=a", "/dashboard/figures/?agent=b", "/dashboard/?agent=c")
    for address in pages:
        assert client.get(address).status_code == 200

    assert [client.get(address).status_code for address in pages] == [429] * 3


def shared_board(bank, role: str):
    board = create_board(name="Matin", layout=[], by=getattr(bank, role))
    return f"/dashboards/{board.pk}/", {"name": "Matin", "shared_with": "auditor"}


def written() -> tuple[int, int]:
    return AuditRecord.objects.count(), Board.objects.count()


# Whose, and what makes the address and the form.
CHANGES = {
    "share": ("teller", lambda bank: shared_board(bank, "teller")),
    "save": ("teller", lambda _bank: ("/dashboards/save/", {"target": "new", "name": "Soir"})),
    "first": ("teller", lambda _bank: ("/dashboards/first/", {})),
    "copy": ("teller", lambda bank: (f"{shared_board(bank, 'teller')[0]}copy/", {})),
    "sessions": ("teller", lambda _bank: ("/auth/sessions/", {"session": "others"})),
    "team": ("supervisor", lambda bank: (f"/team/{bank.teller.pk}/", {"act": "session_end"})),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_changed_too_often_is_left_as_it_is_and_looking_at_it_goes_on(
    bank, clock, signed_in, change
):
    role, made = CHANGES[change]
    address, form = made(bank)
    browser = signed_in(getattr(bank, role))
    assert [browser.post(address, form).status_code for _ in range(3)] == [302] * 3
    before = written()

    refused = browser.post(address, form)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "20"
    assert written() == before
    assert browser.get(address).status_code in {200, 405}


# Of factors that are not there: counted before anything is looked for.
@pytest.mark.parametrize(
    "address",
    [
        *("factors/app/", "factors/app/remove/", "factors/codes/new/"),
        *("passkeys/add/", "passkeys/1/", "passkeys/1/remove/"),
    ],
)
def test_an_agents_own_factors_are_changed_as_often_as_anything_else(
    bank, clock, signed_in, address
):
    browser = signed_in(bank.teller)
    for _ in range(3):
        browser.post("/dashboards/first/")

    assert browser.post(f"/auth/{address}").status_code == 429
    assert browser.get(f"/auth/{address}").status_code != 429


def test_a_dashboard_is_deleted_as_often_as_it_is_changed(bank, clock, signed_in):
    browser = signed_in(bank.teller)
    boards = [create_board(name=f"{n}", layout=[], by=bank.teller) for n in range(4)]

    answers = [browser.post(f"/dashboards/{each.pk}/delete/").status_code for each in boards]

    assert answers == [302, 302, 302, 429]


def test_results_as_one_types_say_when_to_go_on(client, bank, clock):
    client.force_login(bank.teller)
    for _ in range(3):
        assert client.get("/accounts/search/?account=C1").json()["results"]

    refused = client.get("/accounts/search/?account=C1")

    assert refused.status_code == 429
    assert refused.json()["results"] == []
    assert "20" in refused.json()["said"]
    assert client.get("/accounts/search/?account=").status_code == 200
