"""The commands that decide about dead letters: choosing, doing, refusing, and saying so."""

import getpass
import io
import json
import signal

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from accounts.events import encode
from accounts.models import AuditRecord, DeadLetter, DeadLetterDecision, Log, Outbox
from accounts.origin import acting_by_command
from accounts.selectors import dead_letters as selectors
from streaming.management.commands import redrive as redrive_command
from tests.builders import LedgerInTest, opened, raw, submitted
from tests.processes import wait_until
from tests.streaming.test_posting_end_to_end import Bank

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger(db) -> LedgerInTest:
    """Two letters that can be redriven on C100, one that cannot, and one on C900."""
    ledger = LedgerInTest()
    ledger.bury(submitted(1))
    ledger.bury(submitted(2))
    ledger.post_messages([raw(b"{broken", 2)])
    ledger.bury(submitted(3, account="C900"), partition=1)
    return ledger


def run(name: str, *words: str) -> tuple[int, str]:
    """Give the exit code and all that was said."""
    out = io.StringIO()
    try:
        call_command(name, *words, stdout=out)
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{error}"
    return 0, out.getvalue()


def decided() -> list[str]:
    return sorted(str(each) for each in DeadLetterDecision.objects.all())


def test_one_is_redriven_by_its_place(ledger):
    code, said = run("redrive", "0:1", "--by", "ana", "--reason", "after the update")

    assert (code, said.strip()) == (0, "1 redriven, 0 refused.")
    decision = DeadLetterDecision.objects.get()
    assert (decision.offset, decision.decided_by) == (1, "ana")
    assert decision.reason == "after the update"


def test_who_decides_is_the_systems_user_unless_told(ledger):
    run("redrive", "0:0")

    assert DeadLetterDecision.objects.get().decided_by == getpass.getuser()


@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_the_audit_log_names_the_systems_user_whoever_is_said_to_decide(ledger, command):
    with acting_by_command(command):
        run(command, "0:0", "0:1", "--by", "ana", "--reason", "a test")

    records = AuditRecord.objects.order_by("id")
    assert [(each.act, each.username, each.command) for each in records] == [
        (command, getpass.getuser(), command)
    ] * 2
    assert all('"decided_by":"ana"' in each.after for each in records)


def test_all_are_redriven_and_each_refusal_is_said(ledger):
    code, said = run("redrive", "--all")

    assert code == 1
    assert "0:2: would be dead again: " in said
    assert "3 redriven, 1 refused." in said
    assert decided() == ["0:0", "0:1", "1:0"]
    assert run("discard", "--all", "--reason", "never was one") == (0, "1 discarded, 0 refused.\n")
    assert run("redrive", "--all") == (0, "0 redriven, 0 refused.\n")


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["--account", "C900"], ["1:0"]),
        (["--partition", "0"], ["0:0", "0:1", "0:2"]),
        (["--partition", "0", "--offsets", "1-2"], ["0:1", "0:2"]),
        (["--reason-code", "id_reused"], []),
        (["--to", "1999-12-31"], ["0:0", "0:1", "0:2", "1:0"]),
        (["--from", "2026-01-01"], []),
        (["--from", "1970-01-01", "--to", "1970-01-01", "--account", "C900"], ["1:0"]),
        (["0:0", "1:0"], ["0:0", "1:0"]),
    ],
)
def test_filters_and_places_choose(ledger, words, places):
    code, _said = run("discard", *words, "--reason", "a test")

    assert (code, decided()) == (0, places)


def test_a_transaction_id_chooses(ledger):
    wanted = str(DeadLetter.objects.get(partition=1).transaction_id)

    run("redrive", "--transaction", wanted)

    assert decided() == ["1:0"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(ledger):
    code, said = run("redrive", "--all", "--dry-run")

    assert code == 1
    assert "0:0: would be redriven\n" in said
    assert "0:2: would be dead again" in said
    assert "3 would be redriven, 1 refused." in said
    assert (decided(), Outbox.objects.filter(topic="submissions").count()) == ([], 0)


def test_what_is_decided_already_is_said_with_who_did_it(ledger):
    run("redrive", "0:0", "--by", "ana")

    code, said = run("discard", "0:0", "--reason", "a test")

    assert code == 1
    assert "0:0: redriven already, by ana" in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Say which dead letters"),
        (["--log", "1"], "Say which dead letters"),
        (["--all", "--account", "C100"], "one of the three"),
        (["0:0", "--all"], "one of the three"),
        (["7:7"], "no dead letter at 7:7"),
        (["seven"], "no place of the form PARTITION:OFFSET"),
        (["0:99999999999999999999"], "no place"),
        (["0:9999999999999999999"], "no place"),
        (["--account", "no account"], "no account number"),
        (["--transaction", "7"], "no transaction id"),
        (["--from", "yesterday"], "no date"),
        (["--from", "2026-02-01", "--to", "2026-01-01"], "is after --to"),
        (["--offsets", "1-2"], "give --partition as well"),
        (["--partition", "0", "--offsets", "5-2"], "no range of offsets"),
        (["--reason-code", "bad"], "invalid choice"),
        (["--all", "--by", " "], "give a name of 1 to 150 characters"),
        (["--all", "--reason", "x" * 301], "longer than 300 characters"),
    ],
)
def test_nonsense_is_one_clear_error_and_decides_nothing(ledger, words, reason):
    code, said = run("redrive", *words)

    assert code == 1
    assert reason in said
    assert decided() == []


def test_a_discard_takes_a_reason(ledger):
    assert "--reason" in run("discard", "--all")[1]
    assert "with a reason" in run("discard", "--all", "--reason", " ")[1]
    assert decided() == []


def test_the_same_place_in_two_logs_is_asked_about(ledger):
    first = ledger.log
    Log.objects.filter(pk=first.pk).update(is_current=False)
    second = Log.objects.create(
        cluster_id="another",
        topic="submissions",
        partition_count=1,
        adopted_at_ms=0,
        is_current=True,
    )
    letter = DeadLetter.objects.get(partition=0, offset=0)
    letter.pk, letter.log = None, second
    letter.save(force_insert=True)

    assert "say which with --log" in run("discard", "0:0", "--reason", "a test")[1]
    code, _said = run("discard", "0:0", "--reason", "a test", "--log", str(second.pk))

    assert (code, DeadLetterDecision.objects.get().log) == (0, second)


def test_interrupted_between_two_batches_it_keeps_what_is_decided_and_goes_on(ledger, monkeypatch):
    monkeypatch.setattr(selectors, "LETTERS_AT_A_TIME", 1)
    act, batches = redrive_command.redrive, []

    def interrupted(letter_ids, **named):
        verdicts = act(letter_ids, **named)
        batches.append(verdicts)
        if len(batches) == 2:
            signal.raise_signal(signal.SIGINT)
        return verdicts

    monkeypatch.setattr(redrive_command, "redrive", interrupted)
    code, said = run("redrive", "--all")

    assert (code, decided()) == (130, ["0:0", "0:1"])
    assert "Run the same command again" in said
    run("redrive", "--all")
    assert decided() == ["0:0", "0:1", "1:0"]


def test_a_locked_database_is_one_line_and_decides_nothing(ledger, monkeypatch):
    def locked(*_arguments, **_named):
        raise OperationalError("database is locked")

    monkeypatch.setattr(redrive_command, "redrive", locked)

    code, said = run("redrive", "--all")

    assert code == 75
    assert said.startswith("The database cannot be used: database is locked. ")
    assert decided() == []


def test_the_status_says_how_many_wait_for_a_decision(ledger):
    before = status()
    run("redrive", "0:0")
    run("discard", "0:1", "--reason", "a test")
    after = status()

    assert (before["dead_letters"], before["dead_letters_undecided"]) == (4, 4)
    assert (after["dead_letters"], after["dead_letters_undecided"]) == (4, 2)
    assert (before["submissions_waiting"], after["submissions_waiting"]) == (0, 1)


def status() -> dict[str, int]:
    return json.loads(run("ledger_status", "--json")[1])


def test_a_redriven_message_is_posted_through_kafka_once(portal_on, kafka):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.create_topics()
    bank.publish(encode(opened()), encode(submitted(700)))
    bank.python(BEFORE_AN_UPDATE)
    place = ":".join(map(str, bank.query('SELECT partition, "offset" FROM accounts_deadletter')[0]))
    bank.start("run_relay")
    bank.start("run_consumer")

    said = bank.manage("redrive", place, "--by", "ana").stdout

    assert said.strip() == "1 redriven, 0 refused."
    wait_until(lambda: bank.balance("C100") == 700, "it is posted")
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE NOT is_done") == 0,
        "the outbox is done",
    )
    assert bank.value("SELECT count(*) FROM accounts_entry") == 2
    again = bank.manage("redrive", place, check=False)
    assert (again.returncode, "redriven already, by ana" in again.stdout) == (1, True)
    assert "Traceback" not in again.stderr


# A consumer that understands no deposits yet.
BEFORE_AN_UPDATE = """
    import threading
    from accounts.events import Deposit, NotUnderstood, decode
    from accounts.ledger import conclusions
    from accounts.models import DeadLetter
    from streaming.consumer import consume
    from streaming.stopping import StopRequest

    def decode_before(key, value):
        event = decode(key, value)
        if isinstance(event, Deposit):
            raise NotUnderstood("Not understood yet.", transaction_id=event.transaction_id)
        return event

    def stop_when_it_is_dead():
        while not DeadLetter.objects.exists():
            stop.wait(0.05)
        stop.set()

    conclusions.decode = decode_before
    stop = StopRequest()
    threading.Thread(target=stop_when_it_is_dead, daemon=True).start()
    consume(stop)
"""
