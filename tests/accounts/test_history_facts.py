"""Ids of history rows: the same at every import, different for each row."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.events import decode, encode
from accounts.history import (
    BadLine,
    HistoryChanged,
    HistoryFile,
    HistoryRow,
    facts,
    open_history,
    opening,
    survey,
)
from accounts.history.delimited import HEADER
from accounts.history.fields import Malformed, read_balance, read_day
from accounts.history.survey import Repetitions
from accounts.identifiers import derived_transaction_id
from accounts.money import plain_amount

GREATEST = 10**15

rows = st.builds(
    HistoryRow,
    line=st.just(0),
    business_date=st.dates(date(1900, 1, 1), date(2199, 12, 31)),
    account=st.sampled_from(["C100", "C200", "x.Y-1"]),
    value_minor=st.integers(-GREATEST, GREATEST).filter(bool),
    claimed_balance_minor=st.integers(-GREATEST, GREATEST),
)
# Few enough different rows for identical ones to be common.
alike = st.builds(
    HistoryRow,
    line=st.just(0),
    business_date=st.just(date(2024, 1, 1)),
    account=st.sampled_from(["C100", "C200"]),
    value_minor=st.sampled_from([100, -100]),
    claimed_balance_minor=st.sampled_from([0, 100]),
)


class Listed:
    """A history file that is a list."""

    def __init__(self, listed: list[HistoryRow | BadLine]) -> None:
        self.listed = listed

    @property
    def most_rows(self) -> int:
        return len(self.listed)

    def rows(self):
        return iter(self.listed)


def malformation(read, text: str) -> str:
    try:
        read(text)
    except Malformed as reason:
        return str(reason)
    return ""


def published(history: HistoryFile) -> list[tuple[bytes, bytes]]:
    return [encode(event) for _, event in facts(history, survey(history), currency="EUR")]


@given(st.lists(alike, max_size=30))
def test_identical_rows_all_count(listed) -> None:
    messages = published(Listed(listed))

    assert len(set(messages)) == len(listed)


@given(st.lists(alike, max_size=20), st.lists(alike, max_size=10), st.randoms())
def test_a_grown_and_reordered_file_repeats_the_very_bytes_it_had(listed, added, random) -> None:
    grown = listed + added
    random.shuffle(grown)

    before, after = published(Listed(listed)), published(Listed(grown))

    assert not Counter(before) - Counter(after)
    assert len(set(after)) == len(grown)


@given(rows)
def test_an_event_says_what_its_row_says(row) -> None:
    ((key, value),) = published(Listed([row]))

    event = decode(key, value)

    signed = event.amount_minor if type(event).__name__ == "Deposit" else -event.amount_minor
    assert (event.business_date, event.account, signed, event.claimed_balance_minor) == row[1:]
    assert (event.source, event.submitted_by, event.currency) == ("import", "import", "EUR")


@given(rows)
def test_a_row_written_in_the_banks_format_is_read_as_it_was(tmp_path_factory, row) -> None:
    path = tmp_path_factory.mktemp("history") / "history.csv"
    path.write_text(
        f"{HEADER}\n{row.business_date:%d/%m/}{row.business_date.year:04};{row.account};"
        f"{plain_amount(row.value_minor)};{plain_amount(row.claimed_balance_minor)}\n"
    )

    with open_history(path, decimals=2) as history:
        (read,) = history.rows()

    assert read == row._replace(line=2)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading(tmp_path_factory, garbage) -> None:
    path = tmp_path_factory.mktemp("history") / "history.csv"
    path.write_bytes(HEADER.encode() + b"\n01/01/2024;C1;1;1\n" + garbage)

    with open_history(path, decimals=2) as history:
        first, *others = history.rows()

    assert isinstance(first, HistoryRow) or garbage
    assert all(isinstance(other, HistoryRow | BadLine) for other in others)


@given(st.text())
def test_text_that_is_neither_date_nor_amount_gets_a_printable_reason(text) -> None:
    reasons = [
        malformation(read_day, text),
        malformation(lambda typed: read_balance(typed, 2), text),
    ]

    assert all(reason.isprintable() for reason in reasons)


@given(st.lists(st.sampled_from("abcdefgh")))
def test_repetitions_number_identical_texts_from_zero(texts) -> None:
    repetitions = Repetitions(len(texts))
    for text in texts:
        repetitions.note(text)
    repetitions.start_again()

    numbers = [repetitions.number(text) for text in texts]

    assert numbers == [texts[:place].count(text) for place, text in enumerate(texts)]


def test_derived_ids_are_in_the_order_of_their_days() -> None:
    early = derived_transaction_id(date(2024, 1, 1), "b")
    late = derived_transaction_id(date(2024, 1, 2), "a")

    assert early < late
    assert early.version == 8
    assert early == derived_transaction_id(date(2024, 1, 1), "b")


def test_derived_ids_of_earlier_and_later_days_than_clocks_know_are_valid() -> None:
    for day in (date(1900, 1, 1), date(2199, 12, 31)):
        assert derived_transaction_id(day, "a").variant.startswith("specified in RFC")


def test_an_accounts_opening_is_the_same_for_the_same_first_day() -> None:
    day = date(2024, 1, 1)

    opened = opening("C100", day, currency="EUR")

    assert encode(opened) == encode(opening("C100", day, currency="EUR"))
    assert opened.transaction_id != opening("C200", day, currency="EUR").transaction_id
    assert (opened.opening_balance_minor, opened.least_balance_minor) == (0, 0)
    assert decode(*encode(opened)) == opened


def test_bytes_published_by_an_earlier_release_are_still_the_same() -> None:
    shipped = Path(__file__).parents[2] / "data" / "client_transactions.csv"

    with open_history(shipped, decimals=2) as history:
        key, value = published(history)[0]

    assert key == b"C100"
    assert value == (
        b'{"kind":"deposit","version":1,"transaction_id":"018cc251-f400-8697-82cb-4a3853abebbf",'
        b'"account":"C100","currency":"EUR","business_date":"2024-01-01",'
        b'"submitted_at":"2024-01-01T00:00:00Z","submitted_by":"import","source":"import",'
        b'"amount_minor":100000,"claimed_balance_minor":100000}'
    )


def test_a_file_changed_between_two_readings_is_noticed() -> None:
    history = Listed([HistoryRow(2, date(2024, 1, 1), "C1", 100, 100)])
    found = survey(history)
    history.listed = [history.listed[0]._replace(value_minor=200)]

    with pytest.raises(HistoryChanged):
        list(facts(history, found, currency="EUR"))
