"""The seven invariants that hold after every fault, asked of a bank from outside its code."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.ledger.messages import Delivered, LogIdentity
from accounts.oracle import DEAD, REPEAT, Expected, Oracle
from streaming.kafka.log_reader import read_log
from tests.faults.bank import Bank
from tests.faults.dashboard import Dashboard
from tests.processes import Portal, wait_until

_OUTCOMES = {1: "posted", 2: "rejected"}
_ENTRIES = """
    SELECT e.id, e.transaction_id, e.account, k.sign, k.is_transaction, e.outcome, e.reason,
           e.amount_minor, e.balance_minor, e.source, e.partition, e."offset", e.digest, e.link,
           e.leg_of
    FROM accounts_entry e JOIN accounts_entrykind k ON k.id = e.kind_id ORDER BY e.id
"""


@dataclass(frozen=True)
class Row:
    """One entry as the database holds it."""

    id: int
    transaction_id: bytes
    account: str
    sign: int
    is_transaction: int
    outcome: int
    reason: str
    amount_minor: int
    balance_minor: int | None
    source: str
    partition: int
    offset: int
    digest: bytes
    link: bytes
    leg_of: bytes | None

    @property
    def is_posted(self) -> bool:
        return self.outcome == 1

    @property
    def change_minor(self) -> int:
        """What it did to the balance of its account; an opening brings its amount."""
        return self.amount_minor * self.sign if self.is_posted else 0


def check_all(bank: Bank) -> list[Row]:
    """Hold a bank at rest to I1 to I7, and give its ledger.

    It must have drained: nothing submitted waits, and all of the log is concluded.
    """
    ledger = check_books(bank)
    what_was_acknowledged_reached_an_outcome(bank)
    the_ledger_is_what_the_oracle_says(bank, ledger)
    each_dashboard_has_shown_each_outcome_once(bank, ledger)
    return ledger


def check_books(bank: Portal) -> list[Row]:
    """Hold a ledger to I1 to I4 as it stands, and its positions to its rows; give its rows.

    Nothing may write meanwhile.
    """
    ledger = [Row(*each) for each in bank.query(_ENTRIES)]
    balances_are_openings_and_transactions(bank, ledger)
    no_balance_is_below_what_its_account_allows(bank, ledger)
    what_moves_changes_no_total(bank, ledger)
    each_id_has_one_outcome(bank, ledger)
    offsets_match_rows(bank, ledger)
    return ledger


def balances_are_openings_and_transactions(bank: Portal, ledger: Sequence[Row]) -> None:
    """I1, also after each single entry."""
    sums: Counter[str] = Counter()
    for row in ledger:
        sums[row.account] += row.change_minor
        if row.balance_minor is not None:
            assert row.balance_minor == sums[row.account], f"I1: {row}"
    found = dict(bank.query("SELECT account, balance_minor FROM accounts_balance"))
    opened = {row.account for row in ledger if row.is_posted and not row.is_transaction}
    assert found == {account: sums[account] for account in opened}, "I1"


def no_balance_is_below_what_its_account_allows(bank: Portal, ledger: Sequence[Row]) -> None:
    """I2: but for rows of history, which are marked."""
    least = dict(bank.query("SELECT account, least_balance_minor FROM accounts_balance"))
    for row in ledger:
        if row.is_posted and row.balance_minor < least[row.account]:
            is_deposit = row.sign > 0
            assert row.reason == "overdrawn", f"I2: {row}"
            assert row.source == "import" or is_deposit, f"I2: {row}"


def what_moves_changes_no_total(bank: Portal, ledger: Sequence[Row]) -> None:
    """I3: all balances together are what came in less what went out; legs cancel out."""
    total = bank.value("SELECT coalesce(sum(balance_minor), 0) FROM accounts_balance")
    legs = sum(row.change_minor for row in ledger if row.leg_of)
    assert total == sum(row.change_minor for row in ledger if not row.leg_of), "I3"
    assert legs == 0, "I3"


def each_id_has_one_outcome(bank: Portal, ledger: Sequence[Row]) -> None:
    """I4: one entry an id, one fate an offset, and none for what is an outcome already."""
    ids = Counter(row.transaction_id for row in ledger)
    assert [each for each, times in ids.items() if times > 1] == [], "I4"
    dead = bank.query('SELECT partition, "offset", transaction_id, digest FROM accounts_deadletter')
    places = Counter((row.partition, row.offset) for row in ledger)
    places.update((partition, offset) for partition, offset, _id, _digest in dead)
    assert [each for each, times in places.items() if times > 1] == [], "I4"
    concluded = {(row.transaction_id, row.digest) for row in ledger}
    assert not concluded & {(identifier, digest) for _p, _o, identifier, digest in dead}, "I4"


def offsets_match_rows(bank: Portal, ledger: Sequence[Row]) -> None:
    """The next offset is the last concluded one and 1, and each one before it has its fate."""
    dead = bank.query('SELECT partition, "offset" FROM accounts_deadletter')
    places = {(row.partition, row.offset) for row in ledger} | set(dead)
    columns = "partition, next_offset, posted + rejected, dead, repeats"
    for partition, following, concluded, buried, repeats in bank.query(
        f"SELECT {columns} FROM accounts_logposition ORDER BY log_id"
    ):
        rows = {offset for number, offset in places if number == partition}
        assert max(rows, default=-1) < following, f"partition {partition}: rows beyond the offset"
        assert len(rows) == concluded + buried, f"partition {partition}: rows and counts differ"
        # Offsets that were set back have repeats beyond them.
        assert len(rows) + repeats >= following, f"partition {partition}: offsets without a fate"


def what_was_acknowledged_reached_an_outcome(bank: Bank) -> None:
    """I5: of all that a teller got a receipt for, and of all that was filed."""
    filed = {each for (each,) in bank.query("SELECT transaction_id FROM accounts_submission")}
    concluded = {each for (each,) in bank.query("SELECT transaction_id FROM accounts_entry")}
    own_dead = (
        "SELECT s.transaction_id FROM accounts_submission s "
        "JOIN accounts_outbox o ON o.submission_id = s.id "
        "JOIN accounts_deadletter d ON d.key = o.key AND d.value = o.value"
    )
    concluded |= {each for (each,) in bank.query(own_dead)}
    acknowledged = {each.bytes for each in bank.teller.acknowledged}
    assert acknowledged <= filed, f"I5: {[UUID(bytes=each) for each in acknowledged - filed]}"
    assert filed <= concluded, f"I5: {[UUID(bytes=each) for each in filed - concluded]}"


def the_ledger_is_what_the_oracle_says(bank: Bank, ledger: Sequence[Row]) -> None:
    """I6: each outcome, reason, balance and link, and the position in each partition."""
    ranges = {partition: (0, end) for partition, end in bank.log_ends().items()}
    messages = list(read_log(bank.endpoint, bank.topic, ranges))
    oracle = Oracle(identity_of(bank).fingerprint())
    wanted = {}
    # Only the ledger knows in which order it met the partitions.
    for message in in_order_of(ledger, messages):
        told = oracle.read(message.partition, message.offset, message.key, message.value)
        wanted[message.partition, message.offset] = told
    found = {(row.partition, row.offset): row for row in ledger}
    expected = {at for at, told in wanted.items() if told.fate not in {DEAD, REPEAT}}
    assert found.keys() == expected, "I6"
    for at, row in found.items():
        assert seen(row) == said(wanted[at]), f"I6: {at}: {row} instead of {wanted[at]}"
    dead = bank.query('SELECT partition, "offset", reason, link FROM accounts_deadletter')
    assert {(p, o): (reason, bytes(link)) for p, o, reason, link in dead} == {
        at: (told.reason, told.link) for at, told in wanted.items() if told.fate == DEAD
    }, "I6"
    assert bank.next_offsets() == bank.log_ends(), "I6: it has not drained"
    chain = {partition: link for partition, link in bank.chain().items() if any(link)}
    assert chain == oracle.links, "I6"


def in_order_of(ledger: Sequence[Row], messages: Sequence[Delivered]) -> list[Delivered]:
    """Give the messages partition by partition, in pieces, as the ledger concluded them."""
    turns = {(row.partition, row.offset): row.id for row in ledger}
    ordered, last = [], {}
    for message in messages:
        # What left no entry was concluded with the one before it.
        turn = turns.get((message.partition, message.offset), last.get(message.partition, 0))
        last[message.partition] = max(turn, last.get(message.partition, 0))
        ordered.append((last[message.partition], message.partition, message.offset, message))
    return [message for _turn, _partition, _offset, message in sorted(ordered, key=_place)]


def _place(ordered: tuple[int, int, int, Delivered]) -> tuple[int, int, int]:
    return ordered[:3]


def seen(row: Row) -> tuple[object, ...]:
    """What the ledger says of an entry, in the oracle's words."""
    return (
        UUID(bytes=row.transaction_id),
        row.account,
        _OUTCOMES[row.outcome],
        row.reason,
        row.amount_minor,
        row.balance_minor,
        bytes(row.digest),
        bytes(row.link),
    )


def said(told: Expected) -> tuple[object, ...]:
    """What the oracle says of it."""
    return (
        told.transaction_id,
        told.account,
        told.fate,
        told.reason,
        told.amount_minor,
        told.balance_minor,
        told.digest,
        told.link,
    )


def identity_of(bank: Bank) -> LogIdentity:
    """The log that the ledger was concluded from."""
    columns = "cluster_id, topic, topic_id, partition_count"
    return LogIdentity(*bank.query(f"SELECT {columns} FROM accounts_log WHERE is_current")[0])


def each_dashboard_has_shown_each_outcome_once(bank: Bank, ledger: Sequence[Row]) -> None:
    """I7: what it was told, frame by frame, is the ledger without a gap or a repetition.

    A frame may tell of many entries by their newest and their number. Where the page was read
    anew, all up to its position was on it. One who only reads pages has been told nothing.
    """
    assert bank.dashboards, "I7: nobody watched"
    last = ledger[-1].id if ledger else 0
    for dashboard in bank.dashboards:
        wait_until(lambda each=dashboard: each.entry_id >= last, "the dashboard has caught up")
        _check_dashboard(dashboard, ledger)


def _check_dashboard(dashboard: Dashboard, ledger: Sequence[Row]) -> None:
    reached, ids = 0, [row.id for row in ledger]
    for told in dashboard.told:
        assert told.after == reached, f"I7: a gap or a step back before {told}"
        reached = told.until
        if told.is_page:
            continue
        due = ledger[bisect_right(ids, told.after) : bisect_right(ids, told.until)]
        shown = [UUID(each).bytes for each in told.transaction_ids]
        newest = due if told.is_complete else due[-len(shown) :]
        assert shown == [bytes(row.transaction_id) for row in newest], f"I7: {told}"
        assert told.count == sum(row.is_transaction for row in due), f"I7: {told}"
    assert reached == (ids[-1] if ids else 0), "I7"
    assert dashboard.rows or not ledger, "I7: it was told nothing"
