"""The oracle says of every message what posting makes of it, and says it by itself."""

import ast
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts import oracle
from accounts.events import encode
from accounts.ledger.conclusions import Books, Tally, conclude, understand
from accounts.ledger.messages import NO_LINK, Delivered
from accounts.models import KIND_BY_CODE
from accounts.oracle import DEAD, POSTED, REJECTED, REPEAT, Expected, Oracle
from tests.builders import LedgerInTest, delivered, opened, raw, submitted, withdrawn
from tests.ledger_oracle import differences, expected_ledger
from tests.odd_messages import PARTITIONS, as_log, events, logs, mutated

FINGERPRINT = b"f" * 32
ALLOWED = {
    "hashlib", "json", "re", "collections", "collections.abc", "dataclasses", "functools",
    "datetime", "typing", "uuid",
}  # fmt: skip


def test_the_oracle_shares_no_code_with_posting():
    trees = [ast.parse(path.read_text()) for path in Path(oracle.__file__).parent.glob("*.py")]

    imported = {
        name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else map(_name, node.names))
    }

    assert {each for each in imported if not each.startswith("accounts.oracle.")} <= ALLOWED


def _name(alias: ast.alias) -> str:
    return alias.name


def test_the_oracle_tells_the_four_fates():
    event = submitted(500)
    messages = [
        delivered(withdrawn(1), 0),
        delivered(opened(least_balance_minor=-100), 1),
        delivered(event, 2),
        delivered(event, 3),
        delivered(submitted(501, transaction_id=event.transaction_id), 4),
        raw(b"{", 5),
        delivered(withdrawn(601), 6),
        delivered(withdrawn(600), 7),
        delivered(withdrawn(1, source="import"), 8),
    ]
    second = Oracle(FINGERPRINT)

    fates = [second.read(0, each.offset, each.key, each.value) for each in messages]

    assert [(each.fate, each.reason, each.balance_minor) for each in fates] == [
        (REJECTED, "unknown_account", None),
        (POSTED, "", 0),
        (POSTED, "", 500),
        (REPEAT, "", None),
        (DEAD, "id_reused", None),
        (DEAD, "not_understood", None),
        (REJECTED, "overdraft", 500),
        (POSTED, "", -100),
        (POSTED, "overdrawn", -101),
    ]
    assert second.balances["C100"].balance_minor == -101
    assert second.totals["C100", date(2026, 11, 23), "withdrawal"] == [2, 601]
    assert fates[3].link is None
    assert second.links[0] == fates[-1].link


def concluded(messages: list[Delivered]) -> tuple[dict[tuple[int, int], dict], Books]:
    """What posting makes of ``messages``, by their places."""
    of = Books(FINGERPRINT, {}, {}, {number: Tally(0, NO_LINK) for number in range(PARTITIONS)})
    conclude([understand(each) for each in messages], of)
    codes = {int(kind): code for code, kind in KIND_BY_CODE.items()}
    found = {}
    for each in of.entries:
        found[each.message.partition, each.message.offset] = {
            "fate": {1: POSTED, 2: REJECTED}[each.outcome],
            "reason": each.reason,
            "transaction_id": each.event.transaction_id,
            "account": each.event.account,
            "kind": codes[each.kind],
            "amount_minor": each.amount_minor,
            "currency": each.event.currency,
            "business_date": each.event.business_date,
            "reference": each.event.reference,
            "source": each.event.source,
            "submitted_by": each.event.submitted_by,
            "balance_minor": each.balance_minor,
            "digest": each.digest,
            "link": each.link,
        }
    for each in of.dead:
        message = each.refused.message
        found[message.partition, message.offset] = {
            "fate": DEAD,
            "reason": each.refused.reason,
            "transaction_id": each.refused.transaction_id,
            "account": None,
            "digest": each.refused.digest,
            "link": each.link,
        }
    return found, of


def as_mapping(expected: Expected, names) -> dict:
    return {name: getattr(expected, name) for name in names}


@given(logs)
@example([(0, (b"C100", encode(submitted())[1][:-1] + b',"a":"\xff"}'))])
@example([(0, (b"C100", encode(submitted())[1][:-1] + b',"amount_minor":5}'))])
@example([(0, (b"C100", encode(submitted())[1].replace(b'"deposit"', b"[]")))])
@example([(0, (b"C100", encode(submitted())[1][:-1] + b',"a":' + b"[" * 40 + b"]" * 40 + b"}"))])
def test_the_oracle_agrees_with_posting_on_every_message(drawn):
    messages = as_log(drawn)
    second = Oracle(FINGERPRINT)

    fates = [second.read(each.partition, each.offset, each.key, each.value) for each in messages]
    found, of = concluded(messages)

    wanted = {(each.partition, each.offset): each for each in fates if each.fate != REPEAT}
    assert {place: as_mapping(wanted[place], row) for place, row in found.items()} == found
    assert wanted.keys() == found.keys()
    for number, state in of.accounts.items():
        stands = second.balances[number]
        assert stands.balance_minor == state.balance_minor
        assert stands.turnover_minor == state.turnover_minor
        assert stands.posted_count == state.posted_count
    for partition, tally in of.partitions.items():
        assert second.links.get(partition, NO_LINK) == tally.link
        counts = second.counts.get(partition, {})
        assert counts.get(REPEAT, 0) == tally.repeats
        assert counts.get("transactions", 0) == tally.transactions
    codes = {int(kind): code for code, kind in KIND_BY_CODE.items()}
    assert second.totals == {(a, d, codes[k]): total for (a, d, k), total in of.totals.items()}


@given(mutated(events))
def test_the_oracle_and_posting_read_the_same_event_out_of_odd_bytes(content):
    message = Delivered(0, 0, 1_000, *content, 0)

    expected = Oracle(FINGERPRINT).read(0, 0, *content)
    found, _books = concluded([message])

    assert as_mapping(expected, found[0, 0]) == found[0, 0]


@pytest.mark.django_db
def test_the_ledger_in_the_database_is_what_the_oracle_expects(ledger: LedgerInTest):
    event = submitted(
        700, submitted_at=datetime(2026, 11, 23, 9, 30, 0, 123_000, tzinfo=UTC), reference="é"
    )
    messages = [
        delivered(opened(opening_balance_minor=100), 0),
        delivered(event, 1),
        delivered(event, 2),
        raw(b"x", 3),
        delivered(withdrawn(900), 4),
        delivered(submitted(1, account="C200"), 0, partition=1),
    ]

    ledger.post_messages(messages)

    assert differences(expected_ledger(messages, ledger.identity)) == []


@pytest.mark.django_db
@given(microseconds=st.integers(0, 999_999))
def test_the_time_of_submission_is_kept_to_the_millisecond(microseconds):
    from accounts.models.fields import milliseconds_at

    moment = datetime(2026, 11, 23, 9, 30, 0, microseconds, tzinfo=UTC)
    message = delivered(submitted(submitted_at=moment), 0)

    expected = Oracle(FINGERPRINT).read(0, 0, message.key, message.value)

    assert milliseconds_at(moment) == expected.submitted_at_ms
    assert expected.submitted_at_ms % 1_000 == microseconds // 1_000
