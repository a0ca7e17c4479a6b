"""A receipt from queued to its outcome, and the account page that follows it."""

import html
import re
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone, translation
from msgspec.structs import replace

from accounts.events import decode
from accounts.identifiers import new_transaction_id
from accounts.ledger.identity import recognise_log
from accounts.models import (
    DeadLetter,
    DeadLetterDecision,
    Entry,
    Kind,
    Log,
    Outbox,
    Submission,
)
from accounts.outbox import Publication, record_publications, waiting
from accounts.receipts import way_of
from accounts.selectors.submissions import NoSuchTransaction, receipt_of
from accounts.services.accounts import open_account
from accounts.services.dead_letters import discard, redrive
from accounts.services.submissions import submit_transaction
from accounts.templatetags.moments import day
from accounts.views import account as account_views
from tests.accounts.test_submit_page import plain
from tests.builders import A_LOG, delivered, raw, submitted, withdrawn
from tests.tampering import behind_the_back


@pytest.fixture
def asked(bank):
    """A withdrawal that waits, and a way to let the ledger conclude it."""
    return submit_transaction(
        transaction_id=new_transaction_id(),
        account="C100",
        kind=Kind.WITHDRAWAL,
        amount_minor=25_000,
        reference="Espèces",
        by=bank.teller,
    )


def event_of(submission: Submission):
    row = Outbox.objects.get(submission=submission)
    return decode(bytes(row.key), bytes(row.value))


def pages(client, submission: Submission) -> tuple[str, str]:
    """The receipt's own page, and the account's with the receipt on it."""
    identifier = submission.transaction_id
    return (
        plain(client.get(f"/transactions/{identifier}/")),
        plain(client.get(f"/accounts/C100/?receipt={identifier}")),
    )


def status(client, submission: Submission) -> dict[str, str]:
    return client.get(f"/transactions/{submission.transaction_id}/status/").json()


def test_a_receipt_begins_queued_with_the_balance_that_is_foreseen(bank, signed_in, asked):
    client = signed_in(bank.teller)

    receipt, account = pages(client, asked)

    assert "Retrait de 250,00 €" in receipt
    assert "En file, pas encore comptabilisée." in receipt
    assert "Attend Kafka" in receipt
    assert '<span class="foreseen">580,00</span>' in account
    assert account.count("à venir") == 1
    assert status(client, asked)["state"] == "queued"


def test_a_receipt_turns_to_posted_with_balance_and_position(bank, signed_in, asked):
    client = signed_in(bank.teller)

    bank.ledger.post(event_of(asked))

    receipt, account = pages(client, asked)
    assert '<span class="settled">580,00</span>' in receipt
    assert "830,00 → 580,00" in receipt
    assert '<b class="code">submissions</b>' in receipt
    assert '<b class="code">2</b>' in receipt
    assert "Heure de Paris (UTC+" in receipt
    assert '<span class="settled">580,00 <small>€</small></span>' in account
    assert "à venir" not in account
    assert status(client, asked) == {
        "state": "posted",
        "stage": "posted",
        "message": "Retrait de 250,00\N{NO-BREAK SPACE}€\N{NO-BREAK SPACE}: comptabilisée."
        " Solde 580,00\N{NO-BREAK SPACE}€.",
    }


def test_a_receipt_turns_to_rejected_with_its_reason_in_words(bank, signed_in, asked):
    client = signed_in(bank.teller)
    bank.ledger.post(withdrawn(130_000))

    bank.ledger.post(event_of(asked))

    receipt, account = pages(client, asked)
    for page in (receipt, account):
        assert "Rejetée" in page
        assert "Passerait sous le solde minimal de −500,00. Solde inchangé." in page
    assert "−470,00" in account
    assert status(client, asked)["state"] == "rejected"


@pytest.fixture
def not_understood(asked) -> bytes:
    """Bytes under the submission's id that the ledger cannot read."""
    return b'{"transaction_id": "%s"}' % str(asked.transaction_id).encode()


def test_a_receipt_whose_message_was_set_aside_says_so(bank, signed_in, asked, not_understood):
    # As if a later release, which reads it no more, had met what an earlier one wrote.
    with behind_the_back():
        Outbox.objects.update(value=not_understood)
    bank.ledger.post_messages([raw(not_understood, bank.ledger.position().next_offset)])

    receipt, account = pages(signed_in(bank.teller), asked)

    assert "Écartée" in receipt
    assert "Message non compris" in receipt
    assert "Écartée" in account
    assert waiting().count() == 0


def test_what_others_send_under_its_id_is_no_outcome(bank, signed_in, asked, not_understood):
    bank.ledger.post_messages([raw(not_understood, bank.ledger.position().next_offset)])

    receipt, account = pages(signed_in(bank.teller), asked)

    assert "Écartée" not in receipt
    assert "Écartée" not in account
    assert "En file" in receipt
    assert waiting().count() == 1


@pytest.fixture
def died(bank, asked) -> DeadLetter:
    """The submission's own message, dead as before an update of the portal."""
    _acknowledged(bank, Outbox.objects.get(submission=asked))
    return bank.ledger.bury(event_of(asked))


def _acknowledged(bank, row: Outbox) -> None:
    position = bank.ledger.position()
    now_ms = time.time_ns() // 1_000_000
    publication = Publication(row.pk, bank.ledger.log.pk, 0, position.next_offset, now_ms)
    record_publications([publication])


def test_what_was_set_aside_and_redriven_is_on_its_way_until_it_is_posted(
    bank, signed_in, asked, died
):
    client = signed_in(bank.teller)
    found = [status(client, asked)]

    redrive([died.pk], by=bank.operator)
    found.append(status(client, asked))
    receipt, account = pages(client, asked)
    _acknowledged(bank, DeadLetterDecision.objects.get().outbox)
    found.append(status(client, asked))
    bank.ledger.post(event_of(asked))
    found.append(status(client, asked))

    assert [each["state"] for each in found] == ["dead", "queued", "queued", "posted"]
    assert [each["stage"] for each in found] == ["dead", "retried", "retried", "posted"]
    assert "nouvel essai" in found[1]["message"]
    assert "Elle avait été écartée et fait l’objet d’un nouvel essai" in receipt
    assert "operator" in receipt
    assert "En file" in account
    assert "Écartée" not in account
    assert waiting().count() == 0


def test_what_was_redriven_in_vain_is_set_aside_again(bank, signed_in, asked, died):
    redrive([died.pk], by=bank.operator)
    _acknowledged(bank, DeadLetterDecision.objects.get().outbox)
    bank.ledger.bury(event_of(asked))

    receipt, account = pages(signed_in(bank.teller), asked)

    assert status(signed_in(bank.teller), asked)["stage"] == "dead"
    assert "Le message n’a pas pu être compris" in receipt
    assert "Écartée" in account
    assert waiting().count() == 0


def test_what_was_discarded_says_by_whom_and_why(bank, signed_in, asked, died):
    discard([died.pk], by=bank.operator, reason="annulée au <guichet>")

    receipt, account = pages(signed_in(bank.teller), asked)

    assert status(signed_in(bank.teller), asked)["stage"] == "discarded"
    for page in (receipt, account):
        assert "Elle a été écartée puis abandonnée par operator" in page
        assert "annulée au &lt;guichet&gt;" in page
    assert waiting().count() == 0


def test_the_way_of_a_redriven_transaction_names_each_place_in_the_log(bank, asked, died):
    redrive([died.pk], by=bank.operator)
    _acknowledged(bank, DeadLetterDecision.objects.get().outbox)
    bank.ledger.post(event_of(asked))

    way = way_of(receipt_of(asked.transaction_id, seen_by=bank.teller))

    assert [step.name for step in way] == [
        "submitted",
        "queued",
        "published",
        "dead",
        "retried",
        "published",
        "posted",
    ]
    places = [step.logged.offset for step in way if step.name == "published"]
    assert places == [died.offset, died.offset + 1]


def test_a_redrive_is_counted_once_among_what_waits(bank, asked, died):
    assert waiting().count() == 0

    redrive([died.pk], by=bank.operator)

    assert waiting().count() == 1


def published(at_ms: int) -> None:
    log = recognise_log(A_LOG)
    Outbox.objects.update(published_at_ms=at_ms, log=log, partition=0, offset=9, attempts=1)


def times_of(receipt: str) -> list[str]:
    found = re.findall(r'<p class="way__time">(.*?)</p>', receipt)
    return [re.sub("<.*?>", "", each).strip() for each in found]


def test_times_of_another_day_have_their_date(bank, signed_in, asked):
    """Red by the time alone: of a way over days, and of a receipt that is looked at again."""
    client = signed_in(bank.teller)
    receipt, account = pages(client, asked)
    time_of_day = r"\d\d:\d\d:\d\d,\d{3}"
    assert all(re.fullmatch(f"({time_of_day})?", each) for each in times_of(receipt))
    with behind_the_back():
        Submission.objects.update(submitted_at_ms=asked.submitted_at_ms - 3 * 86_400_000)

    receipt, account = pages(client, asked)

    before, now = (timezone.localdate() - timedelta(days=days) for days in (3, 0))
    with translation.override("fr"):
        submitted_at, queued_at = times_of(receipt)[:2]
        assert re.fullmatch(f"{re.escape(day(before))} {time_of_day}", submitted_at)
        assert re.fullmatch(f"{re.escape(day(now))} {time_of_day}", queued_at)
        assert f"<span>{day(before)}, {submitted_at[-12:-4]}</span>" in account


def test_a_receipt_that_waits_long_says_that_nothing_is_lost(bank, signed_in, asked):
    with behind_the_back():
        Submission.objects.update(submitted_at_ms=asked.submitted_at_ms - 6_000)
    client = signed_in(bank.teller)

    receipt, _ = pages(client, asked)
    assert "Kafka est peut-être absent. Rien n’est perdu" in receipt

    published(asked.submitted_at_ms)
    receipt, _ = pages(client, asked)
    assert "Kafka l’a reçue ; le grand livre est en retard." in receipt


def test_a_receipt_tells_since_when_it_waits_and_behind_how_many(bank, signed_in, asked):
    """Red where all rows before it count, published or not."""
    with behind_the_back():
        Submission.objects.update(submitted_at_ms=asked.submitted_at_ms - 6_000)
    client = signed_in(bank.teller, "en")
    receipt, _ = pages(client, asked)
    assert "0 before it" in receipt
    mine = Outbox.objects.get()
    for number in (1, 2, 3):
        Outbox.objects.create(id=mine.pk - number, topic="submissions", queued_at_ms=0)
    Outbox.objects.filter(pk=mine.pk - 3).update(
        published_at_ms=0, log=recognise_log(A_LOG), partition=0, offset=9, attempts=1
    )

    receipt, _ = pages(client, asked)

    assert "Waits for Kafka since" in receipt
    assert "2 before it" in receipt
    assert status(client, asked)["stage"] == "late-2"


def test_a_receipt_that_kafka_refuses_says_so_and_stays_queued(bank, signed_in, asked):
    with behind_the_back():
        Submission.objects.update(submitted_at_ms=asked.submitted_at_ms - 6_000)
    Outbox.objects.update(refusal="MSG_SIZE_TOO_LARGE")
    client = signed_in(bank.teller)

    receipt, _ = pages(client, asked)

    assert "En file, pas encore comptabilisée. Kafka refuse le message pour l’instant." in receipt
    assert status(client, asked)["state"] == "queued"


def test_a_row_of_the_history_has_a_receipt_too(bank, signed_in):
    event = submitted(
        source="import",
        submitted_by="import",
        business_date=date(2024, 1, 1),
        submitted_at=datetime(2024, 1, 1, tzinfo=UTC),
    )
    bank.ledger.post(event)

    page = plain(signed_in(bank.teller).get(f"/transactions/{event.transaction_id}/"))

    assert "lundi 1er janvier 2024" in page
    assert "Fichier d’historique" in page
    assert "Soumise" not in page


def test_a_history_row_below_the_least_balance_is_posted_and_marked(bank, signed_in):
    event = withdrawn(500_000, source="import", submitted_by="import")
    bank.ledger.post(event)

    page = plain(signed_in(bank.teller).get(f"/transactions/{event.transaction_id}/"))

    assert "bien que le compte n’autorise pas ce solde : à découvert" in page


def test_the_receipt_of_an_opening_tells_its_least_balance(bank, signed_in):
    submission = open_account(
        transaction_id=new_transaction_id(),
        number="C500",
        holder="Aïcha Diallo",
        opening_balance_minor=150_000,
        least_balance_minor=-50_000,
        by=bank.teller,
    )
    bank.ledger.post(event_of(submission))

    page = plain(signed_in(bank.teller).get(f"/transactions/{submission.transaction_id}/"))

    assert "Ouverture avec 1 500,00 €" in page
    assert "−500,00 €" in page


def test_the_way_counts_from_step_to_step_and_never_back(bank, asked):
    bank.ledger.post(event_of(asked))
    published(asked.submitted_at_ms + 30)
    with behind_the_back():
        Entry.objects.filter(transaction_id=asked.transaction_id).update(
            logged_at_ms=asked.submitted_at_ms + 20, posted_at_ms=asked.submitted_at_ms + 10
        )

    steps = way_of(receipt_of(asked.transaction_id, seen_by=bank.teller))

    assert [step.name for step in steps] == ["submitted", "queued", "published", "posted"]
    assert [step.took_ms for step in steps][-1] == 0


def test_a_receipt_of_an_account_of_nobody_is_for_those_who_watch_the_bank(bank, signed_in):
    event = submitted(account="X1")
    bank.ledger.post(event, partition=2)

    address = f"/transactions/{event.transaction_id}/"

    assert signed_in(bank.teller).get(address).status_code == 404
    page = plain(signed_in(bank.auditor).get(address))
    assert "Le grand livre ne connaît pas ce compte." in page


def test_another_accounts_receipt_does_not_stand_on_an_account(bank, signed_in):
    foreign = Entry.objects.filter(account_id="C900").first()

    page = plain(signed_in(bank.teller).get(f"/accounts/C100/?receipt={foreign.transaction_id}"))

    assert "data-receipt" not in page


def test_a_transaction_beyond_the_scope_does_not_exist(bank):
    foreign = Entry.objects.filter(account_id="C900").first()

    with pytest.raises(NoSuchTransaction):
        receipt_of(foreign.transaction_id, seen_by=bank.teller)


def test_the_receipt_is_in_english_a_click_away(bank, signed_in, asked):
    bank.ledger.post(event_of(asked))

    page = plain(signed_in(bank.teller, "en").get(f"/transactions/{asked.transaction_id}/"))

    assert "Withdrawal of €250.00" in page
    assert "Paris time (UTC+" in page
    assert f"{timezone.localdate():%A}" in page
    assert Log.objects.get().topic in page


@pytest.mark.parametrize(
    ("language", "named"),
    [
        (
            "fr",
            {
                "Date d’opération": "mercredi 18 novembre 2026",
                "Inscrite au journal": "25 novembre 2026, 00:30:05 Heure de Paris (UTC+1)",
                "Soumise": "23 juillet 2026, 11:30:00 Heure de Paris (UTC+2)",
            },
        ),
        (
            "en",
            {
                "Business date": "Wednesday 18 November 2026",
                "Appended to the log": "25 November 2026, 00:30:05 Paris time (UTC+1)",
                "Submitted": "23 July 2026, 11:30:00 Paris time (UTC+2)",
            },
        ),
    ],
)
def test_a_receipt_names_its_business_date_and_both_times_with_their_zone(
    bank, signed_in, language, named
):
    event = submitted(
        business_date=date(2026, 11, 18),
        submitted_at=datetime(2026, 7, 23, 9, 30, tzinfo=UTC),
    )
    logged = datetime(2026, 11, 24, 23, 30, 5, tzinfo=UTC)
    offset = bank.ledger.position().next_offset
    message = replace(delivered(event, offset), logged_at_ms=int(logged.timestamp() * 1000))
    bank.ledger.post_messages([message])

    page = signed_in(bank.teller, language).get(f"/transactions/{event.transaction_id}/")

    shown = facts_of(page)
    assert {name: shown[name] for name in named} == named


def test_the_time_of_the_log_is_to_come_while_a_submission_waits(bank, signed_in, asked):
    page = signed_in(bank.teller).get(f"/transactions/{asked.transaction_id}/")

    assert facts_of(page)["Inscrite au journal"] == "à venir"


def facts_of(page) -> dict[str, str]:
    """The names and values of a receipt, without their tags."""
    pairs = re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", page.text, re.DOTALL)
    return {
        html.unescape(name): " ".join(html.unescape(re.sub(r"<[^>]+>", " ", value)).split())
        for name, value in pairs
    }


def test_no_posted_receipt_stands_over_the_balance_before_it(bank, signed_in, asked, monkeypatch):
    """Red where the receipt is read last: the ledger may post between the two."""
    look = account_views.account_seen_by

    def posted_meanwhile(*details: object) -> object:
        found = look(*details)
        # So that it has been read, whenever it is asked for.
        assert found.balance.balance_minor == 83_000
        bank.ledger.post(event_of(asked))
        return found

    client = signed_in(bank.teller)
    monkeypatch.setattr(account_views, "account_seen_by", posted_meanwhile)
    page = client.get(f"/accounts/C100/?receipt={asked.transaction_id}")

    assert page.context["balance"].balance_minor == 83_000
    assert page.context["receipt"].state == "queued"
