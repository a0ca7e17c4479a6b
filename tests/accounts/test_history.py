"""History files: what is read, and what is refused with which line and reason."""

import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from accounts.history import BadLine, HistoryNotUsable, HistoryRow, Survey, open_history, survey
from accounts.history.fields import shown

HEADER = "transaction_date;account;transaction_value;balance\n"
SHIPPED = Path(__file__).parents[2] / "data" / "client_transactions.csv"
TODAY = "CREATE TABLE transactions (transaction_date TEXT, account TEXT, transaction_value REAL, balance REAL, transaction_type TEXT)"  # noqa: E501


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "history.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sqlite_file(folder: Path, rows: Sequence[tuple], *, table: str = TODAY) -> Path:
    path = folder / "today.db"
    connection = sqlite3.connect(path)
    connection.execute(table)
    connection.executemany("INSERT INTO transactions VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def rows_of(path: Path, decimals: int = 2) -> list[HistoryRow | BadLine]:
    with open_history(path, decimals=decimals) as history:
        return list(history.rows())


def surveyed(path: Path) -> Survey:
    with open_history(path, decimals=2) as history:
        return survey(history)


def reason_for(folder: Path, line: str) -> str:
    (bad,) = rows_of(written(folder, HEADER + line + "\n"))
    assert isinstance(bad, BadLine)
    assert bad.line == 2
    return bad.reason


def test_the_shipped_file_has_five_rows_in_its_order() -> None:
    rows = rows_of(SHIPPED)

    assert rows == [
        HistoryRow(2, date(2024, 1, 1), "C100", 100_000, 100_000),
        HistoryRow(3, date(2024, 1, 2), "C200", 250_000, 250_000),
        HistoryRow(4, date(2024, 1, 3), "C200", -20_000, 230_000),
        HistoryRow(5, date(2024, 1, 4), "C100", -2_500, 97_500),
        HistoryRow(6, date(2024, 1, 5), "C100", -14_500, 83_000),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(b"\n"),
        lambda raw: raw + b"\n\n",
        lambda raw: raw.replace(b";", b" ; "),
    ],
    ids=["BOM", "CRLF", "both", "no last line end", "blank lines", "spaces"],
)
def test_marks_and_line_ends_change_nothing(tmp_path, change) -> None:
    path = written(tmp_path, change(SHIPPED.read_bytes()))

    assert rows_of(path) == rows_of(SHIPPED)


@pytest.mark.parametrize(
    ("text", "value_minor"),
    [("12", 1200), ("-12.5", -1250), ("12,50", 1250), ("+0.01", 1), ("\N{MINUS SIGN}7", -700)],
)
def test_values_may_have_a_sign_and_decimals(tmp_path, text, value_minor) -> None:
    (row,) = rows_of(written(tmp_path, f"{HEADER}01/01/2024;C1;{text};-3.25\n"))

    assert (row.value_minor, row.claimed_balance_minor) == (value_minor, -325)


def test_a_currency_without_decimals_takes_whole_amounts_only(tmp_path) -> None:
    path = written(tmp_path, HEADER + "01/01/2024;C1;12;12\n01/01/2024;C1;12.5;24\n")

    row, bad = rows_of(path, decimals=0)

    assert row.value_minor == 12
    assert "more than 0 decimals" in bad.reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("01/01/2024;C100;10", "3 columns, not 4"),
        ("01/01/2024;C100;10;10;x", "5 columns, not 4"),
        ("01/01/2024;C100;0;10", "the value is zero"),
        ("01/01/2024;C100;-0.00;10", "the value is zero"),
        ("01/01/2024;C100;ten;10", "the value 'ten' is not an amount"),
        ("01/01/2024;C100;1e3;10", "not an amount"),
        ("01/01/2024;C100;;10", "not an amount"),
        ("01/01/2024;C100;1 000;10", "not an amount"),
        ("01/01/2024;C100;\u0661\u0662;10", "not an amount"),
        ("01/01/2024;C100;1.234;10", "more than 2 decimals"),
        ("01/01/2024;C100;10000000000000.01;10", "beyond 10,000,000,000,000.00"),
        ("01/01/2024;C100;" + "9" * 400 + ";10", "too large"),
        ("01/01/2024;C100;10;" + "9" * 20, "balance is beyond"),
        ("01/01/2024;C100;10;", "the balance '' is not an amount"),
        ("31/02/2024;C100;10;10", "does not exist"),
        ("2024-01-01;C100;10;10", "not of the form DD/MM/YYYY"),
        ("1/1/2024;C100;10;10", "not of the form DD/MM/YYYY"),
        ("01/01/1899;C100;10;10", "before 1900-01-01"),
        ("01/01/2200;C100;10;10", "after 2199-12-31"),
        ("01/01/2024;;10;10", "no account number"),
        ("01/01/2024;C 100;10;10", "no account number"),
        ("01/01/2024;C\x00100;10;10", "no account number"),
        ("01/01/2024;" + "C" * 35 + ";10;10", "no account number"),
        ("01/01/2024;C100;10;10" + " " * 2000, "longer than 1024 bytes"),
    ],
)
def test_a_malformed_line_is_named_with_its_reason(tmp_path, line, reason) -> None:
    assert reason in reason_for(tmp_path, line)


def test_a_reason_carries_nothing_that_a_terminal_would_obey(tmp_path) -> None:
    reason = reason_for(tmp_path, "01/01/2024;C100\x1b[2J;10;10")

    assert reason.isprintable()


def test_a_latin_1_line_is_named(tmp_path) -> None:
    path = written(
        tmp_path, (HEADER + "01/01/2024;C1;1;1\n01/01/2024;Caf\xe9;1;2\n").encode("latin-1")
    )

    _, bad = rows_of(path)

    assert str(bad).startswith("Line 3: the line is not UTF-8")


def test_lines_after_an_endless_one_keep_their_numbers(tmp_path) -> None:
    path = written(tmp_path, HEADER + "x" * 5000 + "\n01/01/2024;C1;1;1\n")

    bad, row = rows_of(path)

    assert (bad.line, row.line) == (2, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Line 1: the file is empty"),
        (b"\xef\xbb\xbf", "Line 1: the file is empty"),
        (b"\n\n", "Line 1: the file is empty"),
        (HEADER.encode(), "Line 2: the file has no transactions"),
        (b"date;account;amount\n", "Line 1: the header is 'date;account;amount'"),
        (b"01/01/2024;C1;1;1\n", "Line 1: the header is '01/01/2024;C1;1;1'"),
        (HEADER.replace(";", ",").encode(), "Line 1: the header is"),
        (HEADER.encode("utf-16"), "Line 1: the file is UTF-16"),
        (b"x" * 10_000_000, "Line 1: the header is"),
        (f"Nom;{HEADER}".encode(), f"Line 1: the header is 'Nom;{HEADER.strip()}' and must be "),
    ],
)
def test_a_file_that_is_no_history_is_refused_in_a_line(tmp_path, content, reason) -> None:
    with pytest.raises(HistoryNotUsable) as refused:
        rows_of(written(tmp_path, content))

    assert str(refused.value).startswith(reason)
    assert len(str(refused.value)) < 200


def test_what_is_no_ordinary_file_is_refused(tmp_path) -> None:
    for path, reason in ((tmp_path, "not an ordinary file"), (tmp_path / "none", "no such file")):
        with pytest.raises(HistoryNotUsable, match=reason):
            rows_of(path)


def test_what_is_appended_after_the_opening_is_left_for_the_next_import(tmp_path) -> None:
    path = written(tmp_path, HEADER + "01/01/2024;C1;1;1\n")

    with open_history(path, decimals=2) as history, path.open("a") as writer:
        writer.write("02/01/2024;C1;1;2\n")
        writer.flush()

        assert len(list(history.rows())) == 1


def test_a_survey_keeps_the_first_twenty_bad_lines_and_counts_the_rest(tmp_path) -> None:
    found = surveyed(written(tmp_path, HEADER + "01/01/2024;C1;1;1\n" + "nothing\n" * 30))

    assert (found.row_count, found.bad_count, len(found.bad_lines)) == (1, 30, 20)
    assert found.bad_lines[0].line == 3
    assert set(found.accounts) == {"C1"}


def test_todays_sqlite_file_gives_the_rows_of_the_history_file(tmp_path) -> None:
    path = sqlite_file(
        tmp_path,
        [
            ("01/01/2024", "C100", 1000.0, 1000.0, "Deposit"),
            ("2024-01-02", "C200", 2500, 2500, "deposit"),
            ("2024-01-03 00:00:00", "C200", 200.0, 2300.0, "Withdrawal"),
            ("04/01/2024", "C100", "25", "975", "WITHDRAW"),
            ("05/01/2024", "C100", 145.0, 829.9999999999999, " withdrawal "),
        ],
    )

    rows = rows_of(path)

    assert [row[1:] for row in rows] == [row[1:] for row in rows_of(SHIPPED)]
    assert [row.line for row in rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("01/01/2024", "C1", -5.0, 1, "Withdrawal"), "below zero"),
        (("01/01/2024", "C1", 5.0, 1, "refund"), "neither deposit nor withdrawal"),
        (("01/01/2024", "C1", 5.0, 1, None), "neither deposit nor withdrawal"),
        (("01/01/2024", "C1", None, 1, "Deposit"), "the value None is not an amount"),
        (("01/01/2024", "C1", 5.001, 1, "Deposit"), "more than 2 decimals"),
        (("01/01/2024", "C1", float("inf"), 1, "Deposit"), "not an amount"),
        (("01/01/2024", "C1", b"5", 1, "Deposit"), "not an amount"),
        (("01/01/2024", "C1", 1e300, 1, "Deposit"), "beyond"),
        (("01/01/2024", "C1", 0, 1, "Deposit"), "zero"),
        (("13/13/2024", "C1", 5, 1, "Deposit"), "does not exist"),
        ((20240101, "C1", 5, 1, "Deposit"), "not of the form"),
        (("01/01/2024", None, 5, 1, "Deposit"), "no account number"),
    ],
)
def test_a_malformed_row_of_the_sqlite_file_is_named(tmp_path, row, reason) -> None:
    (bad,) = rows_of(sqlite_file(tmp_path, [row]))

    assert bad.line == 1
    assert reason in bad.reason


def test_text_that_is_no_utf_8_in_the_sqlite_file_is_a_bad_row(tmp_path) -> None:
    path = sqlite_file(tmp_path, [("01/01/2024", "C1", 5, 5, "Deposit")])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE transactions SET account = CAST(x'43e9' AS TEXT)")
    connection.commit()
    connection.close()

    (bad,) = rows_of(path)

    assert "no account number" in bad.reason


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("CREATE TABLE others (a, b, c, d, e)", "without a table transactions"),
        (
            "CREATE VIEW transactions AS WITH RECURSIVE without_end(n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM without_end) "
            "SELECT n AS rowid, n AS transaction_date, n AS account, n AS transaction_value, "
            "n AS balance, n AS transaction_type FROM without_end",
            "without a table transactions",
        ),
        (TODAY.replace("balance", "total"), "lacks the column balance"),
        (TODAY, "is empty"),
    ],
)
def test_another_sqlite_file_is_refused(tmp_path, table, reason) -> None:
    path = sqlite_file(tmp_path, [], table=TODAY)
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE transactions")
    connection.execute(table)
    connection.close()

    with pytest.raises(HistoryNotUsable, match=reason):
        rows_of(path)


def test_a_broken_sqlite_file_is_refused(tmp_path) -> None:
    path = written(tmp_path, b"SQLite format 3\x00" + b"\xff" * 5000)

    with pytest.raises(HistoryNotUsable, match="SQLite cannot read it"):
        rows_of(path)


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_sqlite_file_is_left_as_it_was(tmp_path, journal) -> None:
    path = sqlite_file(tmp_path, [("01/01/2024", "C1", 5, 5, "Deposit")])
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.close()
    before = path.read_bytes(), path.stat().st_mtime_ns

    rows_of(path)

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [each.name for each in tmp_path.iterdir()] == ["today.db"]


def test_rows_that_the_system_in_use_has_not_checkpointed_are_read(tmp_path) -> None:
    path = sqlite_file(tmp_path, [("01/01/2024", "C1", 5, 5, "Deposit")])
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("INSERT INTO transactions VALUES ('02/01/2024', 'C1', 5, 10, 'Deposit')")
    writer.commit()

    rows = rows_of(path)

    writer.close()
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "'short'"),
        ("x" * 41, f"'{'x' * 40}'…"),
        ("é" * 40, "'" + r"\xe9" * 10 + "'…"),
        (b"\x00" * 100, "b'" + r"\x00" * 9 + "'…"),
        (12.5, "12.5"),
    ],
)
def test_a_value_that_is_cut_ends_in_a_whole_character_and_says_so(value, text):
    assert shown(value) == text
