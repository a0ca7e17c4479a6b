"""The doors as they are, and the team's page: each act about access is in the audit log, once."""

import json
import re

import pytest
from django.test import Client

from accounts.models import AuditRecord
from tests.accounts.conftest import PASSWORD
from tests.accounts.second_factors import App, SecurityKey, code_given, password_given
from tests.accounts.test_second_factor import alone, at_localhost, challenge_of
from tests.ledger.verified_audit import found_in_audit

Kept = tuple[str, str, str, str]


def kept_since(number: int) -> list[Kept]:
    records = AuditRecord.objects.filter(id__gt=number).order_by("id")
    return [(each.act, each.outcome, each.object_id, each.username) for each in records]


def newest() -> int:
    return AuditRecord.objects.count()


@pytest.mark.parametrize("act", ["password_given", "unlock", "session_end", "factor_removed"])
def test_what_is_done_for_an_agent_is_recorded_with_who_did_it(bank, signed_in, act):
    App.of(bank.teller)
    client = signed_in(bank.administrator)
    before = newest()

    page = client.post(f"/team/{bank.teller.pk}/", {"act": act}, follow=True).content.decode()

    assert kept_since(before) == [(act, "done", "teller", "admin")]
    for given in re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", page):
        assert given not in json.dumps(list(AuditRecord.objects.values_list("before", "after")))


def test_what_is_tried_on_an_agent_of_another_branch_is_recorded_as_refused(bank, signed_in):
    client = signed_in(bank.supervisor)
    before = newest()

    client.post(f"/team/{bank.stranger.pk}/", {"act": "password_given"})

    assert kept_since(before) == [("request", "refused", "stranger", "supervisor")]


def test_a_lock_out_is_recorded_beside_the_failures(bank):
    for _turn in range(6):
        password_given(Client(), bank.teller, "wrong")

    acts = [act for act, _outcome, _object, _name in kept_since(0)]
    assert acts.count("lock_out") == 2
    assert acts.count("sign_in") == 3
    assert set(kept_since(0)) == {
        ("sign_in", "failed", "teller", ""),
        ("lock_out", "refused", "teller", ""),
    }


def test_a_sign_in_with_a_second_factor_is_recorded_when_both_are_given(bank):
    app = App.of(bank.teller)
    client = Client()

    password_given(client, bank.teller)
    after_password = kept_since(0)
    code_given(client, app.wrong_codes(1)[0])
    code_given(client, app.code())

    assert after_password == []
    assert kept_since(0) == [
        ("sign_in", "failed", "teller", ""),
        ("sign_in", "done", "teller", "teller"),
    ]
    assert app.secret not in str(list(AuditRecord.objects.values_list()))


def test_ones_own_password_and_sessions_are_recorded(bank):
    client, elsewhere = Client(), Client()
    password_given(client, bank.teller)
    password_given(elsewhere, bank.teller)
    before = newest()

    client.post("/auth/sessions/", {"session": "others"})
    client.post(
        "/auth/password/",
        {"oldpassword": PASSWORD, "password1": "another-long-phrase"}
        | {"password2": "another-long-phrase"},
    )

    acts = [act for act, _outcome, _object, name in kept_since(before) if name == "teller"]
    assert acts[0] == "session_end"
    assert acts.count("password_change") == 1
    assert found_in_audit() == []


def test_names_of_nobody_hide_no_failure_of_an_agent_at_the_same_address(bank):
    """Meant to fail where all of an address are counted together."""
    for number in range(30):
        Client().post("/auth/login/", {"login": f"nobody{number}", "password": "wrong"})
    before = newest()

    for _turn in range(6):
        password_given(Client(), bank.supervisor, "wrong")

    assert set(kept_since(before)) == {
        ("sign_in", "failed", "supervisor", ""),
        ("lock_out", "refused", "supervisor", ""),
    }


def test_a_passkey_that_is_not_taken_is_recorded_as_a_wrong_code_is(bank):
    key, wrong = SecurityKey.of(bank.supervisor), SecurityKey()
    client = at_localhost()
    challenge = challenge_of(client, "/auth/passkeys/login/")

    alone(client, wrong.answer(challenge, bank.supervisor, with_pin=True))
    alone(client, key.answer(challenge, bank.supervisor, with_pin=False))
    password_given(client, bank.supervisor)
    challenge = challenge_of(client, "/auth/factors/login/")
    credential = wrong.answer(challenge, bank.supervisor, with_pin=True)
    client.post("/auth/factors/login/", {"credential": credential})

    failures = AuditRecord.objects.filter(outcome="failed").order_by("id")
    assert [(each.act, each.object_id) for each in failures] == [("sign_in", "supervisor")] * 2
    assert [json.loads(each.after) for each in failures] == [
        {"reason": "passkey"},
        {"reason": "passkey", "times": 2},
    ]
