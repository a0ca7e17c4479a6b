"""What the console says, in numbers and in words."""

import logging

import pytest
from django.core.management import CommandError, call_command

from accounts.history.survey import Repetitions, Survey
from accounts.ledger.conclusions import Dead, understand
from accounts.ledger.messages import NO_LINK
from streaming.consumer import _at_the_limit
from streaming.counting import counted
from streaming.dead_letter_limit import Reached
from streaming.dead_letter_words import tell_of_dead_letters
from streaming.embedded.repository import way_to_repositories
from streaming.importing import Imported
from streaming.kafka.admin import LogDescription
from streaming.kafka.errors import BrokerNotReachable, SettingsRefused
from streaming.management.commands import create_topics, describe_topics, import_transactions
from streaming.stopping import StopRequest
from tests.builders import encode, raw, submitted
from tests.streaming.test_dead_letter_limit import Log


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1_200, "1,200 rows")]
)
def test_a_number_agrees_with_its_noun(number, text):
    assert counted(number, "row") == text


def test_the_report_of_an_import_agrees_with_its_numbers(capsys):
    found = Survey(Repetitions(1), row_count=1, bad_count=1)

    import_transactions.Command()._report(found, Imported(opened=1, new=1, overdrawn=1))

    assert capsys.readouterr().out.splitlines()[:2] == [
        "1 row: 1 new, 0 already in the ledger. 1 account opened, 1 bad line left out.",
        "1 row leaves its account overdrawn.",
    ]


def test_the_dead_letters_of_a_batch_are_one_line_with_the_first_place(caplog):
    _messages, dead = Log().batch("..x.x", partition=3)

    with caplog.at_level(logging.WARNING):
        tell_of_dead_letters(dead)
        tell_of_dead_letters([])

    [line] = caplog.messages
    assert line.startswith("2 dead letters set aside; the first on partition 3 at offset 2: ")


def test_nothing_that_a_message_quotes_is_said(caplog):
    _key, value = encode(submitted(1))
    letter = understand(raw(value.replace(b"deposit", b"Camille"), 0))

    tell_of_dead_letters([Dead(letter, NO_LINK)])
    said = _at_the_limit(Reached(0, letter, 5, 5, "DEAD_LETTER_MOST_IN_A_ROW"))

    for text in (caplog.text, said):
        assert "Invalid value '…' - at `$.kind`" in text
        assert "Camille" not in text


def test_a_topic_in_memory_is_not_said_to_be_kept():
    mock = LogDescription(
        cluster_id="memory-1",
        topic="submissions",
        topic_id="",
        partition_count=1,
        replication=1,
        retention_ms=-1,
        retention_bytes=5,
        cleanup_policy="delete",
        timestamp_type="CreateTime",
        max_message_bytes=-1,
        flush_messages=0,
        partitions=(),
    )

    said = describe_topics._properties(mock)

    assert said["kept for"] == "as long as the stand-in runs (memory mode)"
    assert said["largest message"] == "any size"


def test_topics_are_waited_for_and_that_is_said_once(settings, monkeypatch, capsys):
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    away = BrokerNotReachable("127.0.0.1:1")
    answers = [away, away, away, ()]

    def ensure_topics(_endpoint):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(create_topics, "ensure_topics", ensure_topics)
    monkeypatch.setattr(create_topics, "ASK_AGAIN_S", 0)
    monkeypatch.setattr(StopRequest, "listen", lambda stop: stop)

    call_command("create_topics", "--wait")

    assert answers == []
    assert capsys.readouterr().out == f"Waiting for Kafka: {away}\n"


def test_settings_that_no_waiting_mends_end_the_waiting(settings, monkeypatch):
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"

    def refuse(_endpoint):
        raise SettingsRefused("nonsense")

    monkeypatch.setattr(create_topics, "ensure_topics", refuse)
    monkeypatch.setattr(StopRequest, "listen", lambda stop: stop)

    with pytest.raises(CommandError) as refused:
        call_command("create_topics", "--wait")

    assert refused.value.returncode == 78


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://proxy.bank.example:3128", " through the proxy proxy.bank.example:3128"),
        ("http://me:hunter2@proxy.bank.example:3128", " through the proxy proxy.bank.example:3128"),
        ("", ""),
    ],
)
def test_the_proxy_before_the_repository_is_named_without_its_password(monkeypatch, proxy, said):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", proxy)

    assert way_to_repositories() == said
