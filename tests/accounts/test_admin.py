"""The admin: who gets in, what each role finds there, and that nobody changes what happened."""

import re
from datetime import date

import pytest
from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages.storage import default_storage
from django.core.handlers.exception import convert_exception_to_response
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.template.loaders.locmem import Loader
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import reverse

from accounts.admin.paging import BoundedPaginator
from accounts.admin.people import AgentForm, PasswordForm
from accounts.models import (
    Account,
    Agent,
    Board,
    Branch,
    DailyTotal,
    DeadLetter,
    Entry,
    Log,
    LogPosition,
    Outbox,
    Role,
    Submission,
)
from accounts.services.boards import create_board
from accounts.services.rights import refuse_who_lost_the_right
from accounts.services.submissions import submit_transaction
from tests.accounts.conftest import PASSWORD, Bank
from tests.builders import A_DAY, encode, opened, raw, submitted, withdrawn

WATCHED = [Account, Board, Entry, DailyTotal, Submission, Outbox, DeadLetter, Log, LogPosition]
KEPT = [Agent, Branch]


def address(model: type, page: str = "changelist", *args: object) -> str:
    return reverse(f"admin:accounts_{model._meta.model_name}_{page}", args=args)


def page_of(client: Client, model: type, **query: str) -> str:
    response = client.get(address(model), query)
    assert response.status_code == 200
    return response.content.decode()


def listed(client: Client, model: type, **query: str) -> int:
    response = client.get(address(model), query)
    assert response.status_code == 200
    return len(response.context["cl"].result_list)


@pytest.fixture
def full(bank: Bank) -> Bank:
    """A bank with a row in every table, of both branches where that matters."""
    from accounts.identifiers import new_transaction_id

    for agent, account in ((bank.teller, "C100"), (bank.stranger, "C900")):
        submit_transaction(
            transaction_id=new_transaction_id(), account=account, kind=2, amount_minor=100, by=agent
        )
    for agent in (bank.teller, bank.stranger):
        create_board(name="Morning", layout=[{"panel": "live"}], by=agent)
    bank.ledger.post(withdrawn(99_999_999), submitted(account="C404"))
    _key, elsewhere = encode(submitted(account="C900", reference="secret of C900"))
    messages = [
        raw(b'{"account":"C100","version":99}', 4),
        raw(b"<script>alert(1)</script>\xff", 5, b"C900"),
        raw(elsewhere, 6, b"C100"),
    ]
    bank.ledger.post_messages(messages)
    return bank


def test_the_admin_shows_the_banks_tables_alone() -> None:
    assert set(admin.site._registry) == {*WATCHED, *KEPT}


@pytest.mark.parametrize("model", [*WATCHED, *KEPT])
@pytest.mark.parametrize("role", ["administrator", "supervisor", "auditor"])
def test_those_who_watch_find_every_table_and_every_row_opens(full, signed_in, model, role) -> None:
    client = signed_in(getattr(full, role))

    assert listed(client, model) > 0
    row = client.get(address(model)).context["cl"].result_list[0]
    assert client.get(address(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize("model", [None, *WATCHED, *KEPT])
def test_tellers_find_no_door(full, signed_in, model) -> None:
    client = signed_in(full.teller)

    response = client.get(address(model) if model else reverse("admin:index"), follow=True)

    assert response.status_code == 403
    assert "C100" not in response.content.decode()


def test_djangos_staff_flags_open_nothing(full, signed_in) -> None:
    Agent.objects.filter(pk=full.teller.pk).update(is_staff=True, is_superuser=True)
    full.teller.refresh_from_db()

    assert signed_in(full.teller).get(reverse("admin:index"), follow=True).status_code == 403


def test_who_is_not_signed_in_is_sent_to_the_one_sign_in(db) -> None:
    response = Client().get(address(Entry), follow=True)

    assert response.redirect_chain[-1][0].startswith("/auth/login/?next=")
    assert address(Entry) in response.redirect_chain[-1][0]


def test_the_admin_has_no_sign_in_form_of_its_own(bank) -> None:
    response = Client().post(
        reverse("admin:login"), {"username": "admin", "password": PASSWORD}, follow=True
    )

    assert "_auth_user_id" not in response.client.session


def test_a_role_that_is_lost_closes_the_admin_at_the_next_request(full, signed_in) -> None:
    client = signed_in(full.auditor)
    assert client.get(reverse("admin:index")).status_code == 200

    Agent.objects.filter(pk=full.auditor.pk).update(role=Role.TELLER, branch=full.account.branch)

    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_signing_out_of_the_admin_ends_the_session(bank, signed_in) -> None:
    client = signed_in(bank.administrator)

    response = client.post(reverse("admin:logout"))

    assert response.url == "/auth/login/"
    assert "_auth_user_id" not in client.session
    assert client.get(reverse("admin:logout")).status_code in {302, 405}


@pytest.mark.parametrize("role", ["administrator", "supervisor", "auditor"])
@pytest.mark.parametrize("model", WATCHED)
def test_nobody_adds_changes_or_deletes_what_happened(full, signed_in, model, role) -> None:
    client = signed_in(getattr(full, role))
    row = client.get(address(model)).context["cl"].result_list[0]
    before = list(model.objects.order_by("pk").values())

    pages = [
        (address(model, "add"), {}),
        (address(model, "change", row.pk), {"reference": "changed", "holder": "changed"}),
        (address(model, "delete", row.pk), {"post": "yes"}),
    ]
    codes = [client.post(page, values).status_code for page, values in pages]
    client.post(address(model), {"action": "delete_selected", "_selected_action": [row.pk]})

    assert codes == [403, 403, 403]
    assert list(model.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("role", ["supervisor", "auditor"])
@pytest.mark.parametrize("model", KEPT)
def test_only_administrators_keep_agents_and_branches(full, signed_in, model, role) -> None:
    client = signed_in(getattr(full, role))
    row = client.get(address(model)).context["cl"].result_list[0]

    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_supervisors_read_their_own_branch_alone(full, signed_in) -> None:
    client = signed_in(full.supervisor)

    for model in (Account, Entry, DailyTotal, Submission, Outbox, Agent, Branch):
        page = page_of(client, model)
        assert "C900" not in page, model
        assert "Nice Port" not in page, model
        assert "stranger" not in page, model


def test_a_row_of_another_branch_does_not_open_for_a_supervisor(full, signed_in) -> None:
    client = signed_in(full.supervisor)
    elsewhere = [
        Account.objects.get(number="C900"),
        Entry.objects.filter(account="C900").first(),
        DailyTotal.objects.get(account="C900"),
        Submission.objects.get(account="C900"),
        Outbox.objects.get(submission__account="C900"),
        DeadLetter.objects.get(key=b"C900"),
        full.stranger,
        Branch.objects.get(code="nice"),
    ]

    for row in elsewhere:
        response = client.get(address(type(row), "change", row.pk))
        history = client.get(address(type(row), "history", row.pk))
        assert response.status_code == 302, row
        assert history.status_code == 302, row


def test_a_dead_letter_tells_a_branch_nothing_of_another_account(full, signed_in) -> None:
    own, mixed = DeadLetter.objects.filter(key=b"C100").order_by("id")
    client = signed_in(full.supervisor)

    own_page = client.get(address(DeadLetter, "change", own.pk)).content.decode()
    mixed_page = client.get(address(DeadLetter, "change", mixed.pk)).content.decode()
    auditors = signed_in(full.auditor).get(address(DeadLetter, "change", mixed.pk))

    assert "version" in own_page
    assert "secret of C900" not in mixed_page
    assert "secret of C900" in auditors.content.decode()


def test_bytes_are_shown_as_text_or_in_hexadecimal_and_never_as_markup(full, signed_in) -> None:
    client = signed_in(full.auditor)
    binary = DeadLetter.objects.get(key=b"C900")

    page = client.get(address(DeadLetter, "change", binary.pk)).content.decode()

    assert "<script>alert(1)" not in page
    assert b"<script>alert(1)</script>\xff".hex(" ") in page


def test_a_megabyte_of_bytes_is_cut_with_its_size(full, signed_in) -> None:
    position = full.ledger.position(2).next_offset
    full.ledger.post_messages([raw(b"x" * 1_000_000, position, partition=2)])
    letter = DeadLetter.objects.latest("id")

    page = signed_in(full.auditor).get(address(DeadLetter, "change", letter.pk)).content

    assert len(page) < 50_000
    assert b"1000000" in page


def test_a_search_finds_by_account_and_by_transaction_id(full, signed_in) -> None:
    client = signed_in(full.auditor)
    entry = Entry.objects.filter(account="C100").earliest("id")
    submission = Submission.objects.get(account="C100")

    assert listed(client, Entry, q="C100") == Entry.objects.filter(account="C100").count()
    assert listed(client, Entry, q=str(entry.transaction_id)) == 1
    assert listed(client, Entry, q="C1") == 0
    assert listed(client, Submission, q=str(submission.transaction_id)) == 1
    assert listed(client, Outbox, q=str(submission.transaction_id)) == 1
    assert listed(client, Outbox, q="C100") == 1
    assert listed(client, DeadLetter, q="C100") == 2
    assert listed(client, DailyTotal, q="C900") == 1
    assert listed(client, Account, q="lef") == 1
    assert listed(client, Account, q="C9") == 1


def test_filters_narrow_the_lists(full, signed_in) -> None:
    client = signed_in(full.auditor)

    assert listed(client, Entry, kind="1") == 2
    assert listed(client, Entry, outcome="2") == 2
    assert listed(client, Entry, reason="unknown_account") == 1
    assert listed(client, Entry, business_date__gte=str(date(2100, 1, 1))) == 0
    assert listed(client, Outbox, done="False", published="True") > 0
    assert listed(client, DeadLetter, reason="not_understood") == 3
    assert listed(client, Account, status="2") == 0
    assert listed(client, Entry, kind="nonsense") == Entry.objects.count()


def test_an_entry_of_an_account_that_nobody_opened_is_listed(full, signed_in) -> None:
    assert listed(signed_in(full.auditor), Entry, q="C404") == 1


def test_every_link_between_the_tables_leads_to_rows(full, signed_in) -> None:
    client = signed_in(full.auditor)
    submission = Submission.objects.get(account="C100")
    event = submitted(
        100,
        transaction_id=submission.transaction_id,
        business_date=A_DAY,
    )
    full.ledger.post(event)
    pages = [
        address(Account, "change", full.account.pk),
        address(Entry, "change", Entry.objects.latest("id").pk),
        address(Submission, "change", submission.pk),
        address(Outbox, "change", submission.outbox.pk),
    ]

    links = {
        link
        for page in pages
        for link in re.findall(r'href="(/admin/accounts/\w+/\?q=[^"]+)"', client.get(page).text)
    }

    assert len(links) >= 6
    for link in links - {f"{address(DeadLetter)}?q={submission.transaction_id}"}:
        assert len(client.get(link).context["cl"].result_list) >= 1, link


def test_amounts_have_sign_and_currency(full, signed_in) -> None:
    page = page_of(signed_in(full.auditor), Entry, q="C100")

    assert "+830,00\N{NO-BREAK SPACE}EUR" in page
    assert "\N{MINUS SIGN}999\N{NARROW NO-BREAK SPACE}999,99\N{NO-BREAK SPACE}EUR" in page


def test_a_list_costs_the_same_few_queries_however_many_rows_it_has(
    full, signed_in, django_assert_max_num_queries
) -> None:
    full.ledger.post(*(submitted(1) for _ in range(40)))
    client = signed_in(full.supervisor)
    client.get(address(Entry))

    for model in WATCHED:
        with django_assert_max_num_queries(9):
            client.get(address(model))


def test_lists_read_no_values_of_dead_letters_and_outbox(
    full, signed_in, django_assert_max_num_queries
) -> None:
    client = signed_in(full.auditor)

    for model in (DeadLetter, Outbox):
        with django_assert_max_num_queries(9) as queries:
            client.get(address(model))
        assert not any('"value"' in query["sql"] for query in queries)


def test_a_long_table_is_counted_no_further_than_it_is_listed(
    full, signed_in, monkeypatch, django_assert_max_num_queries
) -> None:
    monkeypatch.setattr(BoundedPaginator, "most_listed", 3)
    client = signed_in(full.auditor)

    with django_assert_max_num_queries(9) as queries:
        page = page_of(client, Entry)

    counts = [query["sql"] for query in queries if "COUNT" in query["sql"]]
    assert counts
    # One more tells that there are more.
    assert all("LIMIT 4" in sql for sql in counts)
    assert "3 premières lignes" in page[: page.index("result_list")]
    assert "plus de 3 écritures" in page
    assert "?all=" not in page
    assert "Tout afficher" not in page


def test_a_search_that_finds_too_much_says_so_and_can_be_cleared(
    full, signed_in, monkeypatch
) -> None:
    full.ledger.post(*(submitted(1) for _ in range(3)))
    monkeypatch.setattr(BoundedPaginator, "most_listed", 3)

    page = page_of(signed_in(full.auditor), Entry, q="C100")

    assert "plus de 3 résultats" in page
    assert '<a href="?">Effacer la recherche</a>' in page


def test_the_first_of_a_month_is_written_as_french_writes_it(full, signed_in) -> None:
    full.ledger.post(submitted(1, business_date=date(2025, 12, 1)))

    page = page_of(signed_in(full.auditor), Entry)

    assert "1er déc. 2025" in page


def test_a_table_of_just_as_many_rows_as_are_listed_is_not_cut(full, signed_in, monkeypatch):
    rows = Branch.objects.count()
    monkeypatch.setattr(BoundedPaginator, "most_listed", rows)

    page = page_of(signed_in(full.administrator), Branch)

    assert f"{rows} agences" in page
    assert "plus de" not in page


def add_agent(client: Client, **changes: str):
    values = {
        "username": "nouvelle",
        "usable_password": "true",
        "password1": "a-long-pass-phrase",
        "password2": "a-long-pass-phrase",
        "role": "teller",
        "branch": str(Branch.objects.get(code="lyon").pk),
    }
    return client.post(address(Agent, "add"), values | changes)


def test_an_administrator_adds_an_agent_who_can_sign_in(bank, signed_in) -> None:
    assert add_agent(signed_in(bank.administrator)).status_code == 302

    agent = Agent.objects.get(username="nouvelle")
    assert (agent.role, agent.branch.code) == ("teller", "lyon")
    assert agent.check_password("a-long-pass-phrase")
    assert LogEntry.objects.filter(object_id=agent.pk, user=bank.administrator).exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"password1": "short", "password2": "short"},
        {"password1": "password1234", "password2": "password1234"},
        {"branch": ""},
        {"role": "director"},
        {"username": "teller"},
    ],
    ids=["short", "common", "no branch", "unknown role", "taken"],
)
def test_an_agent_who_would_break_a_rule_is_refused(bank, signed_in, changes) -> None:
    response = add_agent(signed_in(bank.administrator), **changes)

    assert response.status_code == 200
    assert not Agent.objects.filter(username="nouvelle").exists()


@pytest.mark.parametrize(("page", "status"), [("change", 200), ("delete", 403)])
def test_a_row_is_found_where_the_address_names_no_field_for_its_id(
    bank, signed_in, page, status
) -> None:
    row = address(Agent, page, bank.teller.pk)

    assert signed_in(bank.auditor).get(row, {"_to_field": ""}).status_code == status


def test_a_number_that_is_no_text_is_nobodys(bank, signed_in) -> None:
    """Meant to fail on PostgreSQL, which takes no NUL."""
    row = address(Account, "change", "C\0")

    response = signed_in(bank.supervisor).get(row, {"_to_field": "number"})

    assert response.headers["Location"] == reverse("admin:index")


def test_no_address_with_nul_makes_a_page_of_the_admin_fail(bank, signed_in) -> None:
    """Meant to fail on PostgreSQL, which takes no NUL: Django looks for any row at /admin/r/."""
    session = ContentType.objects.get(app_label="sessions", model="session")
    client = signed_in(bank.supervisor)

    assert client.get(f"/admin/r/{session.pk}/a%00b/").status_code == 404
    assert client.get("/admin/accounts/account/C%00/history/?_to_field=number").status_code < 500


def test_a_session_from_before_an_agent_left_does_not_go_on_after(bank, signed_in) -> None:
    teller, client = signed_in(bank.teller), signed_in(bank.administrator)
    page = address(Agent, "change", bank.teller.pk)
    form = {"username": "teller", "role": "teller", "branch": bank.teller.branch_id}

    for state in ({}, {"is_active": "on"}):
        assert client.post(page, form | state).status_code == 302

    bank.teller.refresh_from_db()
    assert bank.teller.is_active
    assert teller.get("/accounts/").status_code == 302


def test_no_agent_gets_the_name_of_another_in_other_letters(bank, signed_in) -> None:
    client = signed_in(bank.administrator)
    page = address(Agent, "change", bank.teller.pk)
    form = {"role": "teller", "branch": bank.teller.branch_id, "is_active": "on"}

    refused = client.post(page, {**form, "username": "Supervisor"})
    own = client.post(page, {**form, "username": "Teller"})

    bank.teller.refresh_from_db()
    assert "existe déjà" in refused.text
    assert (own.status_code, bank.teller.username) == (302, "Teller")


def test_no_agent_gets_a_name_under_which_another_has_acted(bank, signed_in) -> None:
    """Meant to fail where it is only free now: lists would show the one for what the other did."""
    signed_in(bank.teller)
    client = signed_in(bank.administrator)
    form = {"role": "teller", "branch": bank.teller.branch_id, "is_active": "on"}

    def named(agent: Agent, name: str) -> int:
        page = address(Agent, "change", agent.pk)
        return client.post(page, {**form, "username": name}).status_code

    assert named(bank.teller, "former") == 302
    assert named(bank.stranger, "teller") == 200
    assert "a déjà agi sous ce nom" in add_agent(client, username="teller").text
    assert named(bank.teller, "teller") == 302


def test_an_administrator_writes_what_was_changed_and_nothing_else(
    bank, signed_in, monkeypatch
) -> None:
    """Meant to fail where all of the agent is written, as it was read before the form was."""
    client = signed_in(bank.administrator)
    form = {"role": "auditor", "branch": "", "is_active": "on", "username": "teller"}
    given = {"password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"}

    def meanwhile(form_class: type, **values: object) -> None:
        clean = form_class.clean

        def clean_and_change(form: forms.Form) -> object:
            Agent.objects.filter(pk=bank.teller.pk).update(**values)
            return clean(form)

        monkeypatch.setattr(form_class, "clean", clean_and_change)

    meanwhile(AgentForm, sessions_ended=7)
    client.post(address(Agent, "change", bank.teller.pk), form)
    meanwhile(PasswordForm, is_active=False)
    client.post(reverse("admin:auth_user_password_change", args=[bank.teller.pk]), given)

    now = Agent.objects.get(pk=bank.teller.pk)
    assert (now.role, now.sessions_ended, now.is_active) == ("auditor", 7, False)
    assert now.check_password(given["password1"])


def test_a_form_opened_before_undoes_nothing_that_was_changed_since(bank, signed_in) -> None:
    """Meant to fail where the form is compared with what is there now: it would open a closed
    access again, for somebody's first name."""
    client, page = signed_in(bank.administrator), address(Agent, "change", bank.teller.pk)
    opened = dict(re.findall(r'name="(initial-\w+)" value="(.*?)"', client.get(page).text))
    form = {"username": "teller", "role": "teller", "branch": bank.teller.branch_id}
    nice = Branch.objects.get(code="nice")
    client.post(page, {**form, "branch": nice.pk})

    client.post(page, {**opened, **form, "is_active": "on", "first_name": "Zoé"})

    now = Agent.objects.get(pk=bank.teller.pk)
    assert (now.first_name, now.is_active, now.branch_id) == ("Zoé", False, nice.pk)
    assert "initial-password" not in opened


def test_an_administrator_who_is_none_any_more_changes_nobody(bank, signed_in, monkeypatch) -> None:
    """Meant to fail where the role is only asked for before the form is looked at."""
    client, before = signed_in(bank.administrator), Agent.objects.values().get(username="teller")
    form = {"role": "auditor", "branch": "", "is_active": "on", "username": "teller"}
    given = {"password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"}

    def meanwhile(agent: Agent, *beside: Agent) -> None:
        Agent.objects.filter(pk=bank.administrator.pk).update(is_active=False)
        refuse_who_lost_the_right(agent, *beside)

    monkeypatch.setattr("accounts.admin.people.refuse_who_lost_the_right", meanwhile)
    codes = []
    for page, fields in (
        (address(Agent, "change", bank.teller.pk), form),
        (reverse("admin:auth_user_password_change", args=[bank.teller.pk]), given),
    ):
        codes.append(client.post(page, fields).status_code)
        Agent.objects.filter(pk=bank.administrator.pk).update(is_active=True)

    assert codes == [403, 403]
    assert Agent.objects.values().get(username="teller") == before


@pytest.mark.parametrize("model", [*WATCHED, *KEPT])
def test_no_number_of_words_makes_a_search_fail(bank, signed_in, model: type) -> None:
    """Meant to fail with Django's own search, which asks SQLite for each of them at once."""
    assert page_of(signed_in(bank.supervisor), model, q="a " * 1_500)


def test_an_administrator_gives_a_new_password_under_the_same_rules(bank, signed_in) -> None:
    client = signed_in(bank.administrator)
    page = reverse("admin:auth_user_password_change", args=[bank.teller.pk])

    refused = client.post(page, {"password1": "short", "password2": "short"})
    client.post(page, {"password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"})

    bank.teller.refresh_from_db()
    assert refused.status_code == 200
    assert bank.teller.check_password("a-long-pass-phrase")


def test_nobody_else_gives_passwords(bank, signed_in) -> None:
    page = reverse("admin:auth_user_password_change", args=[bank.teller.pk])
    new = {"password1": "a-long-pass-phrase", "password2": "a-long-pass-phrase"}

    codes = [
        signed_in(agent).post(page, new).status_code for agent in (bank.supervisor, bank.auditor)
    ]

    bank.teller.refresh_from_db()
    assert codes == [403, 403]
    assert bank.teller.check_password(PASSWORD)


def test_password_hashes_are_shown_to_nobody_else(bank, signed_in) -> None:
    page = signed_in(bank.supervisor).get(address(Agent, "change", bank.teller.pk)).text

    assert "algorithm" not in page
    assert "pbkdf2" not in page


def test_roles_and_branches_can_be_changed_by_an_administrator(bank, signed_in) -> None:
    nice = Branch.objects.get(code="nice")
    form = {
        "username": "teller",
        "role": "supervisor",
        "branch": str(nice.pk),
        "is_active": "on",
    }

    signed_in(bank.administrator).post(address(Agent, "change", bank.teller.pk), form)

    bank.teller.refresh_from_db()
    assert (bank.teller.role, bank.teller.branch) == ("supervisor", nice)


def test_agents_and_branches_are_never_deleted(bank, signed_in) -> None:
    client = signed_in(bank.administrator)

    for row in (bank.teller, Branch.objects.get(code="lyon")):
        page = address(type(row), "delete", row.pk)
        assert client.post(page, {"post": "yes"}).status_code == 403


def test_an_account_filed_but_not_opened_is_shown_as_such(bank, signed_in) -> None:
    filed = Account.objects.create(number="C700", branch=bank.account.branch)
    bank.ledger.post(opened(account="C701"))

    page = signed_in(bank.auditor).get(address(Account, "change", filed.pk), follow=True)

    assert page.status_code == 200
    assert listed(signed_in(bank.auditor), Account) == 4


@pytest.fixture
def content_alone(monkeypatch) -> None:
    """Leave out what stands around the content of a page: of thousands it is the dearest part.

    Whole pages are asked with odd queries in ``tests/site/test_hostile.py``.
    """
    engine = engines["django"].engine
    bare = Loader(engine, {"admin/base_site.html": "{% block content %}{% endblock %}"})
    monkeypatch.setattr(engine, "template_loaders", [bare, *engine.template_loaders])


@pytest.mark.parametrize("model", [*WATCHED, *KEPT])
@pytest.mark.usefixtures("content_alone")
def test_no_address_of_a_list_is_an_error_of_ours(full, rf, model) -> None:
    site = admin.site._registry[model]

    @convert_exception_to_response
    def rendered(request: HttpRequest) -> HttpResponse:
        response = site.changelist_view(request)
        return response.render() if isinstance(response, TemplateResponse) else response

    many = "9" * 30
    lookups = ["q", "p", "o", "e", "_facets", "pk", "id__in", "pk__in", "id__gte", "account"]
    for field in model._meta.fields:
        lookups += [f"{field.name}{end}" for end in ("", "__exact", "__in", "__isnull", "__year")]
    lookups += [each.parameter_name for each in site.list_filter if hasattr(each, "parameter_name")]

    answers = {}
    for lookup in lookups:
        for value in (many, "-1", "\0", "é"):
            request = rf.get(address(model), {lookup: value})
            request.user, request.session = full.administrator, {}
            request._messages = default_storage(request)
            # PostgreSQL takes nothing more in a transaction in which a statement was refused.
            before = transaction.savepoint()
            answers[lookup, value] = rendered(request).status_code
            transaction.savepoint_rollback(before)

    assert len(answers) > 60
    assert set(answers.values()) <= {200, 302, 400, 403}, answers


@pytest.mark.parametrize("model", [*WATCHED, *KEPT])
def test_a_row_that_cannot_be_is_not_found(full, signed_in, model) -> None:
    client = signed_in(full.administrator)

    for key in ("9" * 30, "-1", "é", "x" * 300):
        assert client.get(address(model, "change", key), follow=True).status_code in {200, 404}


def test_whom_the_owner_of_a_dashboard_looked_for_is_not_shown(bank, signed_in):
    """A teller may have looked for a customer of the branch that they worked for before."""
    query = "range=all&bars_find=Garnier"
    board = create_board(name="Un", layout=[{"panel": "bars"}], query=query, by=bank.stranger)
    Agent.objects.filter(pk=bank.stranger.pk).update(branch=bank.supervisor.branch)
    client = signed_in(bank.supervisor)

    page = client.get(address(Board, "change", board.pk)).content.decode()
    asked = client.get(address(Board), {"query__contains": "Garnier"})

    assert "range=all" in page
    assert "Garnier" not in page
    assert asked.status_code == 400
