"""Poison on a real Kafka, before the real consumer: faults 11, 12 and 13."""

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from accounts.events import encode
from accounts.ledger.dead_letters import LARGEST_COPY
from streaming.endpoint import Endpoint
from streaming.kafka.producer import Acknowledged, Producer
from streaming.kafka.topics import RECORD_SETTINGS, create_topic
from tests.builders import opened, submitted
from tests.databases import copy_database
from tests.processes import wait_until
from tests.streaming.test_posting_end_to_end import Bank

_KEY, GOOD = encode(submitted(5))


def changed(before: bytes, after: bytes) -> bytes:
    value = GOOD.replace(before, after)
    assert value != GOOD
    return value


# Fault 11, one of each.
POISON = {
    "broken JSON": (b"C100", b"{broken"),
    "wrong type": (b"C100", changed(b'"amount_minor":5', b'"amount_minor":"5"')),
    "unknown version": (b"C100", changed(b'"version":1', b'"version":99')),
    "unknown kind": (b"C100", changed(b"deposit", b"present")),
    "negative amount": (b"C100", changed(b'"amount_minor":5', b'"amount_minor":-5')),
    "huge amount": (b"C100", changed(b'"amount_minor":5', b'"amount_minor":%d' % 10**20)),
    "1,000,000 bytes": (b"C100", b"x" * 1_000_000),
    "no key": (None, GOOD),
    "key of another account": (b"C200", GOOD),
    "tombstone": (b"C100", None),
    "invalid UTF-8": (b"C100", changed(b'"teller"', b'"\xff\xfe"')),
    "NUL in text": (b"C100", changed(b'"teller"', rb'"tel\u0000ler"')),
    "absurd date": (b"C100", changed(b"2026-11-23", b"9999-12-31")),
    "id used again": (b"C100", changed(b'"amount_minor":5', b'"amount_minor":6')),
}


@pytest.fixture
def bank(portal_on, kafka):
    def make(**limits: int) -> Bank:
        bank = portal_on(kafka.bootstrap_servers, Bank)
        bank.environment |= {name: str(value) for name, value in limits.items()}
        # One partition, so that the order of what is published is the order of the log.
        bank.environment["KAFKA_PARTITIONS"] = "1"
        bank.create_topics()
        return bank

    return make


def dead_offsets(bank: Bank) -> list[int]:
    rows = bank.query('SELECT "offset" FROM accounts_deadletter ORDER BY "offset"')
    return [offset for (offset,) in rows]


@pytest.mark.fault("11")
def test_each_kind_of_poison_is_dead_at_its_offset_and_its_neighbours_post(bank):
    bank = bank()
    messages = [encode(opened()), (b"C100", GOOD)]
    for poison in POISON.values():
        messages += [poison, encode(submitted(1))]
    bank.publish(*messages)

    bank.start("run_consumer")

    bank.waits_for_entries(len(POISON) + 2)
    assert dead_offsets(bank) == list(range(2, 2 + 2 * len(POISON), 2))
    assert bank.balance("C100") == 5 + len(POISON)
    kept = bank.query('SELECT "key", value FROM accounts_deadletter ORDER BY "offset"')
    assert kept == list(POISON.values())
    reasons = bank.query('SELECT reason FROM accounts_deadletter ORDER BY "offset"')
    assert reasons == [("not_understood",)] * (len(POISON) - 1) + [("id_reused",)]


@pytest.mark.fault("13")
def test_one_poison_among_five_hundred_and_the_rest_posts(bank):
    bank = bank()
    events = [encode(opened()), *(encode(submitted(1)) for _ in range(499))]
    bank.publish(*events[:250], (b"C100", b"{broken"), *events[250:])

    bank.start("run_consumer")

    bank.waits_for_entries(500)
    assert (dead_offsets(bank), bank.balance("C100")) == ([250], 499)


@pytest.mark.fault("12")
def test_nothing_but_poison_stops_the_consumer_at_its_limit_and_each_start_goes_on(bank):
    bank = bank(DEAD_LETTER_MOST_IN_A_ROW=40)
    bank.publish(encode(opened()), *[(b"C100", b"{broken")] * 100, encode(submitted(7)))

    stopped = bank.start("run_consumer")

    assert stopped.wait(60) == 78
    assert dead_offsets(bank) == list(range(1, 41))
    assert bank.value("SELECT sum(next_offset) FROM accounts_logposition") == 41
    said = bank.output_of("run_consumer")
    assert "40 dead letters in a row on partition 0, the last at offset 40 (not_understood" in said
    assert "raise DEAD_LETTER_MOST_IN_A_ROW (now 40)" in said
    assert "Traceback" not in said

    assert bank.start("run_consumer").wait(60) == 78
    assert dead_offsets(bank) == list(range(1, 81))

    bank.start("run_consumer")
    wait_until(lambda: bank.balance("C100") == 7, "what follows the poison is posted")
    assert dead_offsets(bank) == list(range(1, 101))


def test_ids_used_again_count_toward_the_limit_as_well(bank):
    bank = bank(DEAD_LETTER_MOST_IN_A_ROW=5)
    event = submitted(1)
    again = [encode(submitted(n, transaction_id=event.transaction_id)) for n in range(2, 12)]
    bank.publish(encode(opened()), encode(event), *again, encode(submitted(3)))

    stopped = bank.start("run_consumer")

    assert stopped.wait(60) == 78
    assert dead_offsets(bank) == [2, 3, 4, 5, 6]
    assert (bank.entries(), bank.balance("C100")) == (2, 1)


def test_too_large_a_share_stops_the_consumer(bank):
    bank = bank(DEAD_LETTER_MOST_PERCENT=20)
    messages = [
        (b"C100", b"{broken") if number % 4 == 0 else encode(submitted(1))
        for number in range(2_400)
    ]
    bank.publish(encode(opened()), *messages)

    stopped = bank.start("run_consumer")

    assert stopped.wait(60) == 78
    said = bank.output_of("run_consumer")
    assert "dead letters among the last 2,000 messages on partition 0" in said
    # The first dead letter with a full window behind it.
    assert dead_offsets(bank)[-1] == 2_001
    assert bank.value("SELECT sum(next_offset) FROM accounts_logposition") == 2_002
    assert bank.entries() == 2_002 - len(dead_offsets(bank))


def test_where_the_consumer_stops_changes_no_outcome(bank, empty_database):
    """Law 1: the chain is the same whatever the limit is."""
    bank = bank(DEAD_LETTER_MOST_IN_A_ROW=2)
    messages = [encode(opened())]
    for number in range(6):
        messages += [(b"C100", b"{broken %d" % number)] * 3 + [encode(submitted(number + 1))]
    bank.publish(*messages)

    stops = 0
    while concluded(bank) < len(messages):
        assert bank.start("run_consumer").wait(60) == 78
        stops += 1
        if stops == 6:
            consume_all(bank, len(messages))
    chain = bank.query("SELECT link, dead, posted FROM accounts_logposition")
    copy_database(empty_database, bank.folder)
    bank.environment["DEAD_LETTER_MOST_IN_A_ROW"] = "1000"
    consume_all(bank, len(messages))

    assert stops == 6
    assert bank.query("SELECT link, dead, posted FROM accounts_logposition") == chain


def concluded(bank: Bank) -> int:
    return bank.value("SELECT coalesce(sum(next_offset), 0) FROM accounts_logposition")


def consume_all(bank: Bank, count: int) -> None:
    consumer = bank.start("run_consumer")
    wait_until(lambda: concluded(bank) == count, "all of the log is concluded")
    consumer.terminate()
    assert consumer.wait(20) == 0


MEBIBYTE = 1024 * 1024


class Sized(Bank):
    """A bank whose topics are made with chosen limits of a message's size."""

    def make_topics(self, kafka: Endpoint, *, largest: int) -> None:
        for topic, size in ((self.topic, largest), (f"{self.topic}.dead", 2 * MEBIBYTE)):
            limits = RECORD_SETTINGS | {"max.message.bytes": str(size)}
            create_topic(kafka, topic, partition_count=1, topic_settings=limits)

    def publish_if_taken(self, kafka: Endpoint, value: bytes) -> bool:
        """Publish as a producer would that has no limit of its own; say whether it is there."""
        results: list[object] = []
        producer = Producer(kafka, **{"message.max.bytes": 8 * MEBIBYTE})
        producer.publish(self.topic, b"C100", value, results.append)
        assert producer.flush(30) == 0
        return isinstance(results[0], Acknowledged)

    def copies(self, kafka: Endpoint, count: int) -> list[Message]:
        """Read the topic of dead letters until there are ``count``."""
        client = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": self.topic})
        try:
            client.assign([TopicPartition(f"{self.topic}.dead", 0, 0)])
            found: list[Message] = []
            wait_until(lambda: _read(client, found) >= count, f"there are {count} copies")
            return found
        finally:
            client.close()


def _read(client: Consumer, found: list[Message]) -> int:
    message = client.poll(0.1)
    if message is not None and message.error() is None:
        found.append(message)
    return len(found)


def test_the_largest_message_that_a_broker_takes_is_copied_whole(portal_on, kafka):
    bank = portal_on(kafka.bootstrap_servers, Sized)
    bank.make_topics(kafka, largest=MEBIBYTE + 12)
    largest = next(
        size for size in range(MEBIBYTE, 1_000_000, -8) if bank.publish_if_taken(kafka, b"x" * size)
    )
    bank.start("run_consumer")
    bank.start("run_relay")

    (copy,) = bank.copies(kafka, 1)

    assert MEBIBYTE - 100 < largest < MEBIBYTE
    assert (copy.key(), copy.value()) == (b"C100", b"x" * largest)
    headers = {name: value.decode() for name, value in copy.headers()}
    assert headers.pop("detail")
    assert headers == {
        "topic": bank.topic,
        "partition": "0",
        "offset": "0",
        "reason": "not_understood",
    }


def test_beyond_what_can_be_published_a_copy_says_that_its_bytes_are_left_out(portal_on, kafka):
    bank = portal_on(kafka.bootstrap_servers, Sized)
    bank.make_topics(kafka, largest=4 * MEBIBYTE)
    sizes = [LARGEST_COPY - 4, 3_000_000]
    for size in sizes:
        assert bank.publish_if_taken(kafka, b"x" * size)
    bank.start("run_consumer")
    bank.start("run_relay")

    whole, marked = bank.copies(kafka, 2)

    assert whole.value() == b"x" * sizes[0]
    assert (marked.key(), marked.value()) == (None, None)
    assert dict(marked.headers())["omitted"] == b"too large to copy"
    assert dict(marked.headers())["offset"] == b"1"
    kept = bank.query('SELECT length(value) FROM accounts_deadletter ORDER BY "offset"')
    assert kept == [(size,) for size in sizes]
