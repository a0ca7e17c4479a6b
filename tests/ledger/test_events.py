"""What is an event, and what is a dead letter."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.events import NotUnderstood, decode, encode
from tests.builders import opened, submitted, withdrawn


def changed(**changes):
    key, value = encode(submitted())
    fields = json.loads(value)
    for name, content in changes.items():
        if content is ...:
            del fields[name]
        else:
            fields[name] = content
    return key, json.dumps(fields).encode()


@pytest.mark.parametrize("event", [opened(), submitted(), withdrawn(reference="Chèque 12")])
def test_an_event_is_read_as_it_was_written(event):
    assert decode(*encode(event)) == event


def test_the_example_of_the_contract_is_an_event():
    value = (
        b'{"version": 1, "transaction_id": "0192f0c1-7e4b-7abc-8def-0123456789ab",'
        b' "account": "C100", "kind": "deposit", "amount_minor": 100000, "currency": "EUR",'
        b' "business_date": "2024-01-01", "submitted_at": "2024-01-01T09:30:00Z",'
        b' "submitted_by": "teller", "source": "portal"}'
    )

    event = decode(b"C100", value)

    assert event.amount_minor == 100_000


def test_an_unknown_field_is_ignored():
    key, value = changed(colour=["green", json.loads("[" * 29 + "9" * 4_000 + "]" * 29)])

    assert decode(key, value.replace(b"9999", b"99999999")).account == "C100"


def test_what_only_looks_like_nul_is_understood():
    assert decode(*changed(reference=r"a\u0000b")).reference == r"a\u0000b"


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 99},
        {"version": ...},
        {"kind": "gift"},
        {"kind": ...},
        {"transaction_id": "C100"},
        {"transaction_id": ...},
        {"account": ""},
        {"account": "C 100"},
        {"account": "C100\n"},
        {"account": "C" * 35},
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": "100"},
        {"amount_minor": True},
        {"amount_minor": 10**15 + 1},
        {"amount_minor": 10**20},
        {"amount_minor": ...},
        {"currency": "euro"},
        {"currency": "EUR\n"},
        {"business_date": "1899-12-31"},
        {"business_date": "2200-01-01"},
        {"business_date": "2024-02-30"},
        {"business_date": "01/01/2024"},
        {"submitted_at": "2024-01-01T09:30:00"},
        {"submitted_at": "9999-12-31T23:59:59-14:00"},
        {"submitted_at": "0001-01-01T00:00:00Z"},
        {"submitted_by": ""},
        {"submitted_by": "a\0b"},
        {"reference": "a\0b"},
        {"source": "a\0b"},
        {"reference": "x" * 141},
        {"reference": "\ud800"},
        {"source": ...},
    ],
    ids=str,
)
def test_a_wrong_or_missing_field_is_not_understood(changes):
    with pytest.raises(NotUnderstood):
        decode(*changed(**changes))


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"null", b"[]", b"\xff\xfe{}", b"[" * 100_000, b"\0", b'{"version": 1}'],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_event_is_not_understood(value):
    with pytest.raises(NotUnderstood):
        decode(b"C100", value)


@pytest.mark.parametrize(
    "addition",
    [
        b',"amount_minor":10000',
        b',"colour":{"a":1,"a":2}',
        b',"colour":"\xff"',
        b',"reference":"a\0b"',
        b',"\xed\xa0\x80":1',
        b',"colour":' + b"[" * 32 + b"]" * 32,
    ],
    ids=lambda addition: repr(addition)[:24],
)
def test_what_readers_of_json_differ_on_is_not_understood(addition):
    key, value = encode(submitted())

    with pytest.raises(NotUnderstood) as refusal:
        decode(key, value[:-1] + addition + b"}")

    assert refusal.value.transaction_id is None


@pytest.mark.parametrize("key", [None, b"", b"C200", b"C100 ", b"\xff"])
def test_another_key_than_the_account_is_not_understood(key):
    _key, value = encode(submitted())

    with pytest.raises(NotUnderstood):
        decode(key, value)


def test_the_id_of_what_is_not_understood_is_told_where_it_can_be_read():
    event = submitted()
    _key, value = encode(event)

    with pytest.raises(NotUnderstood) as refusal:
        decode(b"C100", value.replace(b'"version":1', b'"version":2'))

    assert refusal.value.transaction_id == event.transaction_id


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(value):
    try:
        decode(b"C100", value)
    except NotUnderstood as reason:
        assert str(reason)


@given(day=st.dates(date(1900, 1, 1), date(2199, 12, 31)), amount_minor=st.integers(1, 10**15))
def test_every_date_and_amount_within_the_bounds_is_understood(day, amount_minor):
    event = submitted(amount_minor, business_date=day)

    assert decode(*encode(event)) == event
