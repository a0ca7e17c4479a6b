"""What agents do, or try to do, is in the audit log: who, what, to what, from where."""

import asyncio
import json
from ipaddress import ip_network
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.management import call_command
from django.db import OperationalError, connections
from django.test import AsyncClient, Client, RequestFactory

from accounts.identifiers import new_transaction_id
from accounts.models import Account, Act, Agent, AuditRecord, Board, Entry
from accounts.models.account import NUMBER_LENGTH
from accounts.origin import acting_by_command, acting_for
from accounts.selectors.filters import MOST_ACCOUNTS
from accounts.services import access_audit
from accounts.services.audit import Deed, record_alone
from accounts.services.boards import create_board, share_board
from accounts.services.dead_letters import discard, redrive
from accounts.services.refusals import mark_of
from tests.accounts.conftest import PASSWORD, build_bank
from tests.accounts.test_try_again_page import database_away
from tests.builders import submitted
from tests.ledger.verified_audit import found_in_audit

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}


def last() -> AuditRecord:
    return AuditRecord.objects.latest("id")


def acts() -> list[tuple[str, str]]:
    return list(AuditRecord.objects.order_by("id").values_list("act", "outcome"))


def after(record: AuditRecord) -> dict[str, object]:
    return json.loads(record.after)


def sign_in(name: str, password: str, **extra) -> Client:
    client = Client(**ELSEWHERE)
    client.post("/auth/login/", {"login": name, "password": password}, **extra)
    return client


@pytest.fixture
def quiet(signed_in):
    """Give the browser of an agent whose sign-in is forgotten."""

    def sign_in_quietly(agent: Agent) -> Client:
        client = signed_in(agent)
        quiet.seen = AuditRecord.objects.count()
        return client

    return sign_in_quietly


def new_records() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(id__gt=quiet.seen).order_by("id"))


def test_sign_in_and_sign_out_are_recorded_with_the_address(bank):
    client = sign_in("teller", PASSWORD)
    client.post("/auth/logout/")

    first, second = AuditRecord.objects.order_by("id")
    assert (first.act, first.agent, first.address) == ("sign_in", bank.teller, "203.0.113.7")
    assert (second.act, second.agent, second.object_id) == ("sign_out", bank.teller, "teller")


def test_a_session_that_the_portal_ends_is_no_sign_out(bank, quiet):
    client = quiet(bank.administrator)

    client.post("/admin/logout/")
    client.force_login(bank.teller)
    client.logout()

    assert [each.act for each in new_records()] == ["sign_out", "sign_in", "session_end"]


def test_the_requests_id_is_kept_where_it_has_one(bank, rf):
    request = rf.get("/", **ELSEWHERE)
    request.id = "0f8f" * 20

    with acting_for(request):
        record_alone(Deed(act=Act.EXPORT), by=bank.teller)

    assert last().address == "203.0.113.7"
    assert last().request_id == ("0f8f" * 20)[:63] + "…"


@pytest.mark.django_db(transaction=True)
async def test_requests_that_are_served_at_once_keep_their_addresses(transactional_db, settings):
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    makes = sync_to_async(build_bank)
    bank = await makes()
    browsers = {}
    for number in range(6):
        browser = AsyncClient()
        await browser.aforce_login(bank.teller)
        browsers[f"203.0.113.{number}"] = browser

    await asyncio.gather(
        *(
            each.get("/accounts/C900/", headers={"x-forwarded-for": address})
            for address, each in browsers.items()
        )
    )

    kept = AuditRecord.objects.filter(act="request").values_list("address", flat=True)
    found = await sync_to_async(lambda: set(kept))()
    await sync_to_async(connections.close_all)()
    # The second, fourth, … of a run are recorded; each of them with its own.
    assert len(found) == 3
    assert found <= browsers.keys()


def test_a_failed_sign_in_names_the_agent_whose_it_was_to_be(bank):
    sign_in("Teller", "wrong")

    assert (last().act, last().outcome, last().agent) == ("sign_in", "failed", None)
    assert (last().object_kind, last().object_id, last().address) == (
        "agent",
        "teller",
        "203.0.113.7",
    )
    assert after(last()) == {"reason": "credentials"}


def test_a_password_typed_in_place_of_a_name_is_kept_nowhere(bank):
    sign_in(PASSWORD, "teller")

    kept = last()
    assert (kept.outcome, kept.object_id, kept.username) == ("failed", "", "")
    assert after(kept)["unknown_name"] == mark_of(PASSWORD) != mark_of("other")
    text = json.dumps([str(value) for value in AuditRecord.objects.values().get().values()])
    assert PASSWORD not in text


def test_who_may_not_come_in_any_more_is_recorded_as_refused(bank):
    Agent.objects.filter(pk=bank.teller.pk).update(is_active=False)

    sign_in("teller", PASSWORD)

    assert (last().outcome, after(last())) == ("refused", {"reason": "closed"})


def test_a_flood_of_failed_sign_ins_is_recorded_in_bounds(bank):
    request = RequestFactory().post("/auth/login/")

    for _turn in range(300):
        user_login_failed.send("test", credentials={"username": "teller"}, request=request)

    kept = AuditRecord.objects.filter(act="sign_in").order_by("id")
    assert kept.count() == 9
    assert after(kept[8]) == {"reason": "credentials", "times": 256}


def test_a_sign_in_that_cannot_be_recorded_opens_nothing(bank, monkeypatch):
    client = Client()
    client.raise_request_exception = False
    monkeypatch.setattr("accounts.services.access_audit.record_alone", lambda *_a, **_b: 1 / 0)

    response = client.post("/auth/login/", {"login": "teller", "password": PASSWORD})

    assert response.status_code == 500
    assert settings.SESSION_COOKIE_NAME not in client.cookies


@pytest.mark.parametrize(
    ("role", "address", "expected"),
    [
        ("operator", "/accounts/C100/", ("account", "C100")),
        ("operator", "/accounts/", ("page", "accounts/")),
        ("teller", "/accounts/C900/", ("account", "C900")),
        ("teller", "/accounts/c900/statement.csv", ("account", "C900")),
        ("teller", "/admin/login/", ("page", "admin/login/")),
        ("teller", "/audit/", ("page", "audit/")),
        ("auditor", "/transactions/new/", ("page", "transactions/new/")),
    ],
)
def test_what_is_refused_is_recorded_once_for_every_page(bank, quiet, role, address, expected):
    agent = getattr(bank, role)

    quiet(agent).get(address)

    (kept,) = new_records()
    assert (kept.act, kept.outcome, kept.agent) == ("request", "refused", agent)
    assert (kept.object_kind, kept.object_id) == expected
    assert after(kept)["method"] == "GET"


def test_a_transaction_a_board_and_a_row_of_others_are_recorded_as_refused(bank, quiet):
    entry = Entry.objects.filter(account="C900").latest("id")
    board = create_board(name="Morning", layout=[{"panel": "live"}], by=bank.stranger)
    client = quiet(bank.supervisor)

    client.get(f"/transactions/{entry.transaction_id}/")
    client.get(f"/dashboard/{board.pk}/")
    client.get(f"/admin/accounts/agent/{bank.stranger.pk}/change/")

    assert [(each.object_kind, each.object_id) for each in new_records()] == [
        ("transaction", str(entry.transaction_id)),
        ("board", str(board.pk)),
        ("table", f"agent/{bank.stranger.pk}"),
    ]
    assert {each.branch_id for each in new_records()[:2]} == {bank.stranger.branch_id}


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/C404/",
        "/nowhere/",
        "/accounts/%00/",
        f"/transactions/{'0' * 8}-{'0' * 4}-{'0' * 4}-{'0' * 4}-{'0' * 12}/",
        "/dashboard/999/",
    ],
)
def test_what_is_nowhere_is_no_refusal(bank, quiet, address):
    quiet(bank.teller).get(address)

    assert new_records() == []


def test_a_submission_for_another_branchs_account_is_recorded_as_refused(bank, quiet):
    form = {"account": "C900", "kind": "deposit", "amount": "5"}

    quiet(bank.teller).post(
        "/transactions/new/", form | {"transaction_id": str(new_transaction_id())}
    )

    (kept,) = new_records()
    assert (kept.outcome, kept.object_id) == ("refused", "C900")


def test_opening_an_account_that_another_branch_has_is_recorded_as_refused(bank, quiet):
    client = quiet(bank.teller)

    for number in ("C100", "c900"):
        form = {"number": number, "holder": "Zoé", "transaction_id": str(new_transaction_id())}
        assert client.post("/accounts/new/", form).status_code == 422

    (kept,) = new_records()
    assert (kept.outcome, kept.object_id) == ("refused", "C900")


def test_who_has_not_signed_in_is_no_refusal_of_an_agent(bank):
    Client().get("/accounts/C900/")
    Client(enforce_csrf_checks=True).post("/auth/login/", {"login": "x"})

    assert not AuditRecord.objects.exists()


def test_the_same_refusal_again_and_again_is_counted(bank, quiet):
    client = quiet(bank.teller)

    for _turn in range(9):
        client.get("/accounts/C900/")

    assert [after(each).get("times") for each in new_records()] == [None, 2, 4, 8]


def test_exports_are_recorded_with_their_filter(bank, quiet):
    client = quiet(bank.teller)

    client.get("/transactions/export.csv?account=C100&kind=deposit")
    client.get("/accounts/C100/statement.csv?from=2026-01-01&to=2026-12-31")
    client.get("/accounts/C100/statement.pdf?from=2026-01-01&to=2026-12-31")

    dates = {"filter": "from=2026-01-01&to=2026-12-31"}
    assert [(each.act, each.object_id, after(each)) for each in new_records()] == [
        (
            "export",
            "",
            {"format": "csv", "filter": "range=all&account=C100&kind=deposit"},
        ),
        ("export", "C100", {"format": "csv", **dates}),
        ("export", "C100", {"format": "pdf", **dates}),
    ]


def test_an_export_is_recorded_with_every_account_that_a_filter_can_name(bank, quiet):
    numbers = [f"{n:02}".ljust(NUMBER_LENGTH, "9") for n in range(MOST_ACCOUNTS)]
    Account.objects.bulk_create(
        Account(number=number, holder="", branch=bank.teller.branch) for number in numbers
    )
    dates = "range=dates&from=2026-01-01&to=2026-12-31"

    quiet(bank.teller).get(f"/transactions/export.csv?{dates}&account={','.join(numbers)}")

    (kept,) = new_records()
    assert after(kept)["filter"] == f"{dates}&account={','.join(numbers)}"


def test_what_cannot_be_recorded_is_not_exported(bank, signed_in):
    client = signed_in(bank.teller)
    client.raise_request_exception = False

    with database_away():
        response = client.get("/transactions/export.csv")

    assert response.status_code == 503


def test_an_agent_who_is_added_and_changed_is_recorded_with_each_value(bank, quiet):
    client = quiet(bank.administrator)
    person = {"username": "nina", "first_name": "Nina", "last_name": "", "email": ""}
    duty = {"role": "teller", "branch": bank.teller.branch_id}
    password = {
        "usable_password": "true",
        "password1": "a-long-phrase",
        "password2": "a-long-phrase",
    }

    client.post("/admin/accounts/agent/add/", person | duty | password)
    nina = Agent.objects.get(username="nina")
    client.post(
        f"/admin/accounts/agent/{nina.pk}/change/",
        person
        | {"last_name": "Roux", "role": "supervisor", "branch": nina.branch_id, "is_active": ""},
    )

    added, changed, role = new_records()
    assert (added.act, added.object_id) == ("agent_added", "nina")
    assert after(added)["role"] == "teller"
    assert (changed.act, json.loads(changed.before), after(changed)) == (
        "agent_changed",
        {"is_active": True, "last_name": ""},
        {"is_active": False, "last_name": "Roux"},
    )
    assert (role.act, role.username, json.loads(role.before), after(role)) == (
        "role_changed",
        "admin",
        {"role": "teller"},
        {"role": "supervisor"},
    )
    kept = " ".join(f"{each.before} {each.after}" for each in new_records())
    assert "a-long-phrase" not in kept
    assert nina.password not in kept


def test_a_change_that_changes_nothing_is_none(bank, quiet):
    lyon = bank.teller.branch
    client = quiet(bank.administrator)

    client.post(f"/admin/accounts/branch/{lyon.pk}/change/", {"code": "lyon", "name": lyon.name})
    client.post(f"/admin/accounts/branch/{lyon.pk}/change/", {"code": "lyon", "name": "Lyon 2"})

    (kept,) = new_records()
    assert (kept.act, json.loads(kept.before), after(kept)) == (
        "branch_changed",
        {"name": "Lyon Bellecour"},
        {"name": "Lyon 2"},
    )


def test_a_password_given_in_the_admin_is_recorded_without_it(bank, quiet):
    client = quiet(bank.administrator)

    client.post(
        f"/admin/accounts/agent/{bank.teller.pk}/password/",
        {
            "usable_password": "true",
            "password1": "another-long-phrase",
            "password2": "another-long-phrase",
            "set-password": "1",
        },
    )

    assert Agent.objects.get(pk=bank.teller.pk).check_password("another-long-phrase")
    (kept,) = new_records()
    assert (kept.act, kept.username, kept.object_id) == ("password_given", "admin", "teller")
    assert (kept.before, kept.after) == ("", "")


def test_second_factors_are_recorded_with_their_type_alone(bank):
    factor = SimpleNamespace(type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})

    access_audit._factor_added(user=bank.teller, authenticator=factor)
    access_audit._factor_renewed(user=bank.teller, authenticator=factor)
    access_audit._factor_removed(user=bank.teller, authenticator=factor)
    access_audit._factor_failed(user=bank.teller, authenticator=factor)

    records = AuditRecord.objects.order_by("id")
    assert [(each.act, each.object_id, each.before, each.after) for each in records] == [
        ("factor_added", "teller", "", '{"type":"totp"}'),
        ("factor_renewed", "teller", "", '{"type":"totp"}'),
        ("factor_removed", "teller", '{"type":"totp"}', ""),
        ("sign_in", "teller", "", '{"reason":"second_factor"}'),
    ]


def test_a_lock_out_is_recorded_in_bounds_also_of_a_name_that_is_nobodys(bank):
    for _turn in range(5):
        access_audit._locked_out(username="teller")
    access_audit._locked_out(username=PASSWORD)

    records = AuditRecord.objects.order_by("id")
    assert [(each.act, each.outcome, each.object_id) for each in records] == [
        *[("lock_out", "refused", "teller")] * 3,
        ("lock_out", "refused", ""),
    ]
    assert after(last()) == {"unknown_name": mark_of(PASSWORD)}


def test_an_administrator_made_by_a_command_is_recorded(db, monkeypatch):
    monkeypatch.setenv("LOGNAME", "jane")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-phrase")

    with acting_by_command("createsuperuser"):
        call_command(
            "createsuperuser", interactive=False, username="root", email="a@b.example", verbosity=0
        )

    kept = AuditRecord.objects.get()
    assert (kept.act, kept.object_id, kept.username, kept.command) == (
        "agent_added",
        "root",
        "jane",
        "createsuperuser",
    )


def test_a_refusal_that_cannot_be_recorded_is_answered_with_try_again(bank, quiet, monkeypatch):
    def full(*_deeds, **_by):
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("accounts.services.refusals.record_alone", full)
    client = quiet(bank.teller)
    client.raise_request_exception = False

    response = client.get("/accounts/C900/")

    assert response.status_code == 503
    assert "C900" not in response.content.decode().replace("/accounts/C900/", "")


def test_dead_letters_are_recorded_one_by_one(bank):
    letters = [bank.ledger.bury(submitted(n)) for n in (5, 6)]

    redrive([letters[0].pk], by=bank.operator)
    discard([each.pk for each in letters], by=bank.administrator, reason="noise")

    first, second = AuditRecord.objects.order_by("id")
    place = f"{letters[0].log_id}/{letters[0].partition}:{letters[0].offset}"
    assert (first.act, first.object_id, first.username) == ("redrive", place, "operator")
    assert (second.act, second.username) == ("discard", "admin")
    assert after(second) == {"decided_by": "admin", "reason": "noise"}


def test_sharing_a_dashboard_is_recorded_where_it_changes_something(bank):
    board = create_board(name="Morning", layout=[{"panel": "live"}], by=bank.supervisor)

    share_board(board_id=board.pk, role="teller", by=bank.supervisor)
    share_board(board_id=board.pk, role="teller", by=bank.supervisor)

    assert acts() == [("sharing", "done")]
    assert (json.loads(last().before), after(last())) == (
        {"shared_with": ""},
        {"shared_with": "teller"},
    )
    assert Board.objects.get().shared_with == "teller"


def test_an_opening_is_recorded_without_the_holder(bank, quiet):
    client = quiet(bank.teller)

    client.post(
        "/accounts/new/",
        {
            "number": "C777",
            "holder": "Marguerite Duras",
            "opening_balance": "12,50",
            "overdraft": "0",
            "transaction_id": str(new_transaction_id()),
        },
    )

    (kept,) = new_records()
    assert (kept.act, kept.object_id, after(kept)["amount_minor"]) == ("opening", "C777", 1_250)
    assert "Duras" not in json.dumps(AuditRecord.objects.values_list("after").last())


def test_a_customers_name_in_an_address_is_kept_nowhere(bank, quiet):
    client = quiet(bank.operator)

    client.get(f"/accounts/?{urlencode({'account': 'Camille Lefèvre'})}")
    client.get("/accounts/Camille/")

    assert [each.object_id for each in new_records()] == ["accounts/", "accounts/<str:number>/"]
    assert "Camille" not in str(list(AuditRecord.objects.values_list()))


def test_the_chain_is_whole_after_all_of_it(bank, quiet):
    client = quiet(bank.teller)
    client.get("/accounts/C900/")
    client.get("/transactions/export.csv")

    assert AuditRecord.objects.count() == 3
    assert found_in_audit() == []


def test_what_is_not_there_yet_of_ones_own_is_no_refusal(bank, signed_in):
    """Meant to fail where each page that is not there counts as kept from who asks."""
    Account.objects.create(number="C150", branch=bank.teller.branch)
    client = signed_in(bank.teller)
    before = AuditRecord.objects.count()

    answers = [
        client.get(f"/accounts/{number}/statement.{written}").status_code
        for number in ("C150", "c150")
        for written in ("csv", "pdf")
    ]

    assert answers == [404] * 4
    assert AuditRecord.objects.count() == before
    client.get("/accounts/C900/statement.csv")
    assert AuditRecord.objects.count() == before + 1
