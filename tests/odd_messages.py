"""Logs that nobody meant to write, for Hypothesis: odd JSON, odd fields, ids used again."""

import json
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from accounts.events import encode
from accounts.ledger.messages import Delivered
from tests.builders import identifiers, opened, submitted, withdrawn

PARTITIONS = 3

# Whatever JSON can hold, and what only some readers take for JSON.
odd_texts = st.sampled_from(
    [
        "", "C100", "C200", "C100\n", " C100", "é", "a\0b", "\ud800", "x" * 141, "EUR", "USD", "EU",
        "import", "portal", "deposit", "account_opened", "2024-02-29", "2023-02-29", "2024-01-01Z",
        "1899-12-31", "2200-01-01", "0001-01-01", "2024-1-1", "20240101", "2024-W01-1",
    ]
)  # fmt: skip
odd_numbers = st.sampled_from(
    ["0", "1", "-0", "-1", "1.0", "1e2", "1E400", "01", "+1", "1.", ".5", "-", "NaN", "Infinity",
     "-Infinity", "1000000000000000", "1000000000000001", "-1000000000000000", "9" * 19, "9" * 20,
     "9" * 21, "9" * 5_000, "1000000000000000.0"]
)  # fmt: skip
odd_strings = st.sampled_from(
    [r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\u0000"', r'"\/"', r'"\x"', r'"\u12"',
     '"\x01"', '"\t"', '"\x7f"', '"', '"a', "'a'", r'"C1\u00300"', r'"\ud800A"', r'"\ud8'],
)  # fmt: skip
odd_values = st.one_of(
    odd_numbers,
    odd_strings,
    odd_texts.map(json.dumps),
    st.sampled_from(["true", "null", "nul", "[]", "{}", "[1,]", '{"a":1,"a":2}', "[[{}]]"]),
    st.integers(28, 40).map(lambda deep: "[" * deep + "]" * deep),
    st.sampled_from([500, 5_000, 200_000]).map(lambda deep: '{"a":' * deep + "1" + "}" * deep),
)
days = st.sampled_from(
    ["2024-01-01", "1900-01-01", "2199-12-31", "1899-12-31", "0001-01-01", "9999-12-31",
     "2023-02-29", "2024-1-1"]
)  # fmt: skip
clocks = st.sampled_from(
    ["00:00:00", "09:30:00", "23:59:59", "23:59:60", "24:00:00", "9:30:00", "09:30", "0930"]
)
fractions = st.one_of(
    st.sampled_from(["", ".9999995", ".9999994", ".0009999"]),
    st.from_regex(r"\A[.,][0-9]{0,9}\Z"),
)
zones = st.sampled_from(
    ["Z", "z", "", "+00:00", "-00:00", "+24:00", "+23:59", "-23:59", "+01:60", "+01", "+0100",
     "+01:00:00", "-1:00", "UTC"]
)  # fmt: skip
between = st.sampled_from(["T", "t", " ", "_", "", "  "])
moments = st.builds("{}{}{}{}{}".format, days, between, clocks, fractions, zones).map(json.dumps)
identifier_texts = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "{", "urn:uuid:", " "]),
    st.sampled_from(
        [
            "0192f0c1-7e4b-7abc-8def-0123456789ab", "0192F0C1-7E4B-7ABC-8DEF-0123456789AB",
            "0192f0c17e4b7abc8def0123456789ab", "0192f0c17e4b-7abc-8def-0123456789ab",
            "0192f0c1-7e4b-7abc-8def0123456789ab", "00000000-0000-0000-0000-000000000000",
            "0192f0c1-7e4b-7abc-8def-0123456789a", "0192f0c1-7e4b-7abc-8def-0123456789ag",
        ]
    ),
    st.sampled_from(["", "", "}", " "]),
).map(json.dumps)  # fmt: skip
by_name = {"transaction_id": identifier_texts, "submitted_at": moments}
names = st.sampled_from(
    ["version", "transaction_id", "account", "kind", "amount_minor", "currency", "business_date",
     "submitted_at", "submitted_by", "source", "reference", "claimed_balance_minor",
     "opening_balance_minor", "least_balance_minor", "colour", "é", r"amount\u005fminor", r"\ud800"]
)  # fmt: skip


@st.composite
def mutated(draw, events):
    """The bytes of an event after a few changes: to fields, to their order, or to any byte."""
    key, value = encode(draw(events))
    fields = [(name, json.dumps(content)) for name, content in json.loads(value).items()]
    for _change in range(draw(st.integers(0, 3))):
        name = draw(names)
        content = draw(by_name.get(name, odd_values) if draw(st.booleans()) else odd_values)
        kept = [each for each in fields if each[0] != name]
        where = draw(st.integers(0, len(kept)))
        how = draw(st.sampled_from(["replace", "replace", "twice", "drop"]))
        added = [] if how == "drop" else [(name, content)]
        base = fields if how == "twice" else kept
        fields = [*base[:where], *added, *base[where:]]
    space = draw(st.sampled_from(["", " ", "\n\t\r ", "\v", "\ufeff"]))
    text = "{" + ",".join(f'"{name}"{space}:{content}' for name, content in fields) + "}"
    value = (space + text + space).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        where = draw(st.integers(0, len(value)))
        value = (
            value[:where] + draw(st.binary(max_size=3)) + value[where + draw(st.integers(0, 2)) :]
        )
    return key, value


any_moment = st.builds(
    lambda day, clock: datetime.combine(day, clock, tzinfo=UTC),
    st.dates(date(1900, 1, 1), date(2199, 12, 31)),
    st.times(),
)
accounts = st.sampled_from(["C100", "C200"])
few_identifiers = st.sampled_from(identifiers([submitted() for _ in range(12)]))
events = st.one_of(
    st.builds(
        opened,
        transaction_id=few_identifiers,
        account=accounts,
        opening_balance_minor=st.integers(0, 300) | st.just(10**15),
        least_balance_minor=st.integers(-200, 0),
        currency=st.sampled_from(["EUR", "EUR", "USD"]),
    ),
    st.builds(
        submitted,
        st.integers(1, 200) | st.just(10**15),
        transaction_id=few_identifiers,
        account=accounts,
        currency=st.sampled_from(["EUR", "EUR", "USD"]),
        submitted_at=any_moment,
    ),
    st.builds(
        withdrawn,
        st.integers(1, 200),
        transaction_id=few_identifiers,
        account=accounts,
        source=st.sampled_from(["portal", "import"]),
    ),
)
contents = st.one_of(
    events.map(encode),
    mutated(events),
    st.tuples(
        st.sampled_from([None, b"", b"C100", b"C200", b"\xff"]),
        st.none() | st.binary(max_size=60) | events.map(encode).map(lambda pair: pair[1]),
    ),
)
logs = st.lists(st.tuples(st.integers(0, PARTITIONS - 1), contents), max_size=30)


def as_log(drawn) -> list[Delivered]:
    following = dict.fromkeys(range(PARTITIONS), 0)
    messages = []
    for partition, (key, value) in drawn:
        offset = following[partition]
        following[partition] = offset + 1
        messages.append(Delivered(partition, offset, 1_000, key, value, 0))
    return messages
