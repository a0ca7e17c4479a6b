"""The id of a request: who gives it, where it is answered, where it is shown."""

import ipaddress
import re
from unittest import mock

import pytest
from django.test import Client

from accounts.identifiers import new_transaction_id
from accounts.models import Kind, Outbox
from accounts.services.submissions import submit_transaction
from accounts.tracing import current_trace, following, trace_id_of, traced
from tests.accounts.test_submit_page import form
from tests.accounts.test_try_again_page import database_away

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("said", "trace_id"),
    [
        (TRACEPARENT, TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-and-more", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01-and-more", ""),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"{TRACEPARENT}\nERROR forged", ""),
        ("", ""),
    ],
)
def test_a_trace_is_read_as_the_standard_says(said, trace_id):
    assert trace_id_of(said) == trace_id


def test_a_trace_that_goes_on_has_a_span_of_its_own():
    with traced(following(TRACEPARENT)) as trace:
        assert re.fullmatch(f"00-{TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-01", str(trace))
        assert current_trace() == trace

    assert current_trace() is None


def test_each_request_has_an_id_of_its_own(client):
    ids = {client.get("/health/live").headers["X-Request-ID"] for _ in range(3)}

    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_only_a_proxy_of_ours_goes_on_with_a_trace(client, settings):
    headers = {"traceparent": TRACEPARENT}

    from_elsewhere = client.get("/health/live", headers=headers).headers["X-Request-ID"]
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1")]
    from_ours = client.get("/health/live", headers=headers).headers["X-Request-ID"]

    assert from_elsewhere != TRACE
    assert from_ours == TRACE


def test_a_submission_carries_the_trace_of_its_request(bank, signed_in):
    answer = signed_in(bank.teller).post("/transactions/new/", form())

    [row] = Outbox.objects.all()
    assert answer.status_code == 302
    assert list(row.headers) == ["traceparent"]
    assert trace_id_of(row.headers["traceparent"]) == answer.headers["X-Request-ID"]


def test_a_trace_changes_nothing_of_what_is_published(bank):
    fields = {"account": "C100", "kind": Kind.DEPOSIT, "amount_minor": 100, "by": bank.teller}

    plain = submit_transaction(transaction_id=new_transaction_id(), **fields)
    with traced(following("")):
        followed = submit_transaction(transaction_id=new_transaction_id(), **fields)

    def published(submission) -> bytes:
        value = bytes(submission.outbox.value)
        moment = re.compile(rb'"submitted_at":"[^"]*"')
        return moment.sub(b"", value.replace(str(submission.transaction_id).encode(), b""))

    assert plain.outbox.headers is None
    assert published(plain) == published(followed)
    assert b"trace" not in published(followed)


INSIDE = "a detail of the inside"


def provoke(status: int, bank, signed_in):  # noqa: PLR0911 # one for each page
    """Give the answer of a request that ends with ``status``."""
    client = signed_in(bank.operator)
    client.raise_request_exception = False
    if status == 400:
        return client.get("/accounts/", headers={"host": "elsewhere.example"})
    if status == 403:
        return client.get("/accounts/")
    if status == 404:
        return client.get("/nowhere/")
    if status == 419:
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        return strict.post("/auth/logout/", {})
    if status == 429:
        with mock.patch("accounts.views.search.seconds_to_wait", return_value=9):
            return signed_in(bank.teller).get("/accounts/", {"account": "Ada"})
    if status == 503:
        with database_away():
            return client.get("/accounts/")
    with mock.patch("bankportal.health.JsonResponse", side_effect=ValueError(INSIDE)):
        return client.get("/health/live")


@pytest.mark.parametrize("status", [400, 403, 404, 419, 429, 500, 503])
def test_an_error_page_shows_the_number_of_its_request_and_nothing_of_the_inside(
    bank, signed_in, status
):
    answer = provoke(status, bank, signed_in)

    page = answer.content.decode()
    assert answer.status_code == (403 if status == 419 else status)
    assert f"<code>{answer.headers['X-Request-ID']}</code>" in page
    for inside in (INSIDE, "Traceback", "ValueError", "locked", "elsewhere.example", "Django"):
        assert inside not in page
