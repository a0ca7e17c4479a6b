"""The figures for Prometheus: counted right, exported under their names, of bounded labels."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from accounts.ledger.conclusions import understand
from accounts.models import Outbox
from accounts.services.verification_results import note_verification
from streaming import metric_reads, metrics, posting_metrics
from streaming.connections import MOST_QUEUED, Connection
from streaming.database_away import DatabaseAway
from streaming.exposition import MOST_AT_ONCE, exposition, listen, of_web, of_worker
from streaming.metrics import Age, Counter, Histogram
from streaming.posting_metrics import Lag, measure_batch
from streaming.stopping import StopRequest
from tests.builders import LedgerInTest, opened, raw, submitted, withdrawn
from tests.processes import wait_until

DOCUMENT = (Path(django_settings.BASE_DIR) / "docs" / "metrics.md").read_text(encoding="utf-8")
TOKEN = "t0ken-of-at-least-24-signs"


@pytest.fixture(autouse=True)
def from_nothing(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    for metric in vars(metrics).values():
        if isinstance(metric, metrics.Metric):
            metric.clear()


def read(found) -> dict[tuple[str, str], float]:
    """Give the values of an exposition by name and the values of their labels."""
    families = text_string_to_metric_families(exposition(found)[0].decode())
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def names_exported() -> set[str]:
    """Give the names under which the processes export something, as the document has them."""
    exported = set()
    for found in (of_web, lambda: of_worker((*metrics.OF_CONSUMER, *metrics.OF_RELAY))):
        for family in text_string_to_metric_families(exposition(found)[0].decode()):
            exported.add(family.name + ("_total" if family.type == "counter" else ""))
    return exported


def test_a_counter_keeps_each_label_and_never_goes_back():
    counted = Counter("a_total", "Something", "fate")

    counted.add(2, "posted")
    counted.add(1, "posted")
    counted.add(1, "dead")

    assert sorted(each[:2] for each in counted.samples()) == [(("dead",), 1), (("posted",), 3)]


def test_a_histogram_puts_a_bound_into_its_own_class_and_adds_up():
    spread = Histogram("a_seconds", "Something", bounds=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 30):
        spread.observe(value)

    found = read(lambda: [spread])

    assert [found["a_seconds_bucket", bound] for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert found["a_seconds_count", ""] == 4
    assert found["a_seconds_sum", ""] == pytest.approx(30.65)


def test_an_age_grows_by_itself_and_is_nothing_without_a_moment():
    age = Age("an_age_seconds", "Something", "partition")

    age.set(time.time() - 100, "0")
    age.set(0, "1")

    found = {labels: value for labels, value, _ in age.samples()}
    assert 100 <= found["0",] < 110
    assert found["1",] == 0


def test_a_batch_is_counted_by_fate_with_its_times(db):
    ledger = LedgerInTest()
    event = submitted(100)

    measure_batch(ledger.post(opened(), event, event, withdrawn(500)))

    found = read(lambda: of_worker(metrics.OF_CONSUMER))
    fates = ("posted", "repeat", "rejected", "dead")
    counted = [found["bankportal_consumer_messages_total", fate] for fate in fates]
    assert counted == [2, 1, 1, 0]
    assert found["bankportal_consumer_batch_messages_sum", ""] == 4
    for name in ("batch", "lock_wait", "lock_hold"):
        assert found[f"bankportal_consumer_{name}_seconds_count", ""] == 1
    assert 0 < found["bankportal_consumer_lock_hold_seconds_sum", ""] < 9


def test_the_time_from_click_to_posted_is_that_of_agents_alone(db, monkeypatch):
    ledger = LedgerInTest()
    outcomes = ledger.post(opened(source="import"), submitted(100), submitted(5, source="demo"))

    asked_ms = ledger.log.entry_set.get(source="portal").submitted_at_ms
    monkeypatch.setattr(posting_metrics.time, "time_ns", lambda: (asked_ms + 9_000) * 1_000_000)

    measure_batch(outcomes)

    found = read(lambda: [metrics.CLICK_TO_POSTED_SECONDS])
    assert found["bankportal_click_to_posted_seconds_count", ""] == 1
    # Until it is in the database: a lock that is waited for counts.
    assert found["bankportal_click_to_posted_seconds_sum", ""] == 9


def test_lag_is_in_messages_and_since_when_the_first_may_be_there():
    lag, long_ago = Lag(), int((time.time() - 1_000) * 1000)
    lag.show({0: 10, 1: 10}, {0: 10, 1: 4})
    first = read(lambda: of_worker(metrics.OF_CONSUMER))
    lag.note_read([understand(replace(raw(b"", 11), logged_at_ms=long_ago))], {0})
    lag.show({0: 12}, {0: 11})

    found = read(lambda: of_worker(metrics.OF_CONSUMER))

    name = "bankportal_consumer_lag_"
    assert [first[f"{name}messages", "0"], first[f"{name}messages", "1"]] == [0, 6]
    assert first[f"{name}seconds", "0"] == 0
    assert found[f"{name}messages", "0"] == 1
    # It was all read a moment ago, so what is left cannot be older than that.
    assert 0 < found[f"{name}seconds", "0"] < 60
    assert (f"{name}messages", "1") not in found


def test_lag_in_a_long_queue_is_the_age_of_what_was_read_last():
    lag = Lag()
    lag.show({0: 100}, {0: 10})
    metrics.LAG_SECONDS.clear()
    lag._caught_up[0] = time.time() - 500
    now_ms = time.time_ns() // 1_000_000
    old, young = (
        replace(raw(b"", n), logged_at_ms=now_ms - age) for n, age in ((10, 9_000), (11, 2_000))
    )

    lag.note_read([understand(old), understand(young)], {0})
    lag.show({0: 100}, {0: 12})

    [(_labels, seconds, _counts)] = metrics.LAG_SECONDS.samples()
    assert 2 <= seconds < 9


def test_the_ledgers_figures_are_those_of_its_status(db):
    ledger = LedgerInTest()
    ledger.post(opened(), submitted(100), withdrawn(500))
    ledger.bury(submitted(100))
    Outbox.objects.create(topic="submissions", queued_at_ms=time.time_ns() // 1_000_000 - 90_500)

    found = read(of_web)

    assert found["bankportal_ledger_is_readable", ""] == 1
    fates = ("posted", "rejected", "dead", "repeat")
    assert [found["bankportal_ledger_messages_total", fate] for fate in fates] == [2, 1, 1, 0]
    assert found["bankportal_ledger_transactions_total", ""] == 1
    assert found["bankportal_ledger_next_offset", "0"] == 4
    assert found["bankportal_dead_letters_undecided", ""] == 1
    assert found["bankportal_outbox_unpublished_rows", ""] == 2
    assert found["bankportal_outbox_oldest_unpublished_seconds", ""] >= 0
    assert found["bankportal_relay_lease_is_held", ""] == 0
    assert 0 < found["bankportal_disk_free_bytes", ""] < found["bankportal_disk_size_bytes", ""]


def test_a_database_that_is_away_leaves_the_process_its_own_figures(monkeypatch):
    def fail() -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(metric_reads, "fates", fail)

    found = read(of_web)

    assert found["bankportal_ledger_is_readable", ""] == 0
    assert found["bankportal_web_sockets", ""] == 0
    assert not any(name.startswith("bankportal_outbox") for name, _labels in found)


def test_how_a_verification_ended_is_told_until_the_next(db):
    assert ("bankportal_verified_discrepancies", "ledger") not in read(of_web)

    note_verification("ledger", 0)
    note_verification("ledger", 3)
    note_verification("audit", 0)

    found = read(of_web)
    assert found["bankportal_verified_discrepancies", "ledger"] == 3
    assert found["bankportal_verified_discrepancies", "audit"] == 0
    assert time.time() - found["bankportal_verified_timestamp_seconds", "ledger"] < 60


def test_the_document_names_every_metric_and_no_other(db):
    named = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE))

    assert {name for name in named if name.startswith(("bankportal_", "process_"))} == (
        names_exported()
    )


def test_names_and_labels_are_as_prometheus_wants_them():
    for metric in (*metrics.OF_WEB, *metrics.OF_LEDGER, *metrics.OF_CONSUMER, *metrics.OF_RELAY):
        assert metric.name.startswith("bankportal_")
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert set(metric.labels) <= {"partition", "fate", "reason", "method", "status", "what"}


@pytest.fixture
def listening_port(settings):
    settings.METRICS_HOST = "127.0.0.1"
    server = listen(0, lambda: of_worker(metrics.OF_RELAY))
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def listening(listening_port):
    return lambda path="/metrics", **headers: ask(listening_port, path, headers)


def ask(port: int, path: str, headers: dict[str, str]) -> tuple[int, str]:
    request = Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_the_listener_answers_at_one_address_and_only_who_has_the_token(listening, settings):
    metrics.PUBLISHED.add(3)

    settings.METRICS_TOKEN = ""
    assert "bankportal_relay_published_total 3.0" in listening()[1]
    assert listening("/")[0] == 404
    settings.METRICS_TOKEN = TOKEN
    assert listening()[0] == 401
    assert listening(Authorization=f"Bearer {TOKEN[:-1]}")[0] == 401
    assert listening(Authorization=f"Bearer {TOKEN}")[0] == 200


def test_metrics_that_cannot_be_told_are_said_in_the_log(settings, caplog):
    """Red where every error counts as a client that has gone: nobody knows why it is down."""
    settings.METRICS_HOST = "127.0.0.1"

    def fail() -> list[metrics.Metric]:
        raise ValueError("a metric of a wrong kind")

    server = listen(0, fail)
    with suppress(OSError, HTTPException):
        ask(server.server_port, "/metrics", {})
    server.shutdown()
    server.server_close()

    assert "a metric of a wrong kind" in caplog.text


def test_a_request_that_drips_is_heard_no_longer_than_any_other(listening_port, monkeypatch):
    monkeypatch.setattr("streaming.exposition.ASKED_WITHIN_S", 0.2)
    with socket.create_connection(("127.0.0.1", listening_port), timeout=0.05) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        deadline = time.monotonic() + 4
        answer = b""
        while not answer and time.monotonic() < deadline:
            slow.sendall(b"x")
            with suppress(TimeoutError):
                answer = slow.recv(100)

    assert answer.startswith(b"HTTP/1.0 200")


def test_no_more_threads_answer_than_there_may_be(listening, listening_port):
    address = ("127.0.0.1", listening_port)
    held = [socket.create_connection(address) for _ in range(MOST_AT_ONCE)]
    with socket.create_connection(address, timeout=4) as another:
        assert another.recv(1) == b""

    for each in held:
        each.close()
    wait_until(lambda: _is_answered(listening), "an answer once they had gone")


def _is_answered(listening) -> bool:
    with suppress(OSError):
        return listening()[0] == 200
    return False


def test_openmetrics_is_given_to_who_asks_for_it(listening):
    _status, text = listening(Accept="application/openmetrics-text; version=1.0.0")

    assert text.endswith("# EOF\n")


def test_a_port_that_is_taken_is_refused_with_the_remedy(listening, settings):
    server = listen(0, list)

    with pytest.raises(ImproperlyConfigured, match="METRICS_PORT: nothing can listen at"):
        listen(server.server_port, list)

    server.shutdown()
    server.server_close()


def test_who_is_not_scraped_imports_no_library_for_it():
    code = """
import sys, django; django.setup()
from streaming.scraping import scraped
from streaming.metrics import OF_CONSUMER
import streaming.consumer, streaming.relay, streaming.hub, bankportal.urls
with scraped(0, OF_CONSUMER): pass
print("prometheus_client" in sys.modules, any("opentelemetry" in name for name in sys.modules))
with scraped(int(sys.argv[1]), OF_CONSUMER): pass
print("prometheus_client" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(free_port())],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "bankportal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.split() == ["False", "False", "True"], done.stderr


def free_port() -> int:
    server = listen(0, list)
    server.shutdown()
    server.server_close()
    return server.server_port


async def test_frames_are_counted_that_were_sent_and_that_a_page_was_too_slow_for():
    connection = Connection("a session", None, agent_id=1)
    connection.put("one")
    await connection.next_frame()
    for number in range(MOST_QUEUED + 1):
        connection.put(f"frame {number}")
    await connection.next_frame()

    found = read(lambda: metrics.OF_WEB)

    assert found["bankportal_web_frames_total", ""] == 2
    assert found["bankportal_web_frames_dropped_total", ""] == MOST_QUEUED
    assert found["bankportal_web_reloads_total", "behind"] == 1


def test_a_process_says_while_it_waits_for_the_database(db):
    stop = StopRequest()
    stop.set()
    away = DatabaseAway(stop)

    away.wait(OperationalError("database is locked"))
    meanwhile = read(lambda: of_worker(metrics.OF_RELAY))
    away.is_back()

    assert meanwhile["bankportal_database_away", ""] == 1
    assert read(lambda: of_worker(metrics.OF_RELAY))["bankportal_database_away", ""] == 0
