"""What a log has to come to, for tests: the oracle over messages, and the ledger beside it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from accounts.ledger.identity import current_log
from accounts.ledger.messages import Delivered, LogIdentity
from accounts.models import (
    KIND_BY_CODE,
    Balance,
    DailyTotal,
    DeadLetter,
    Entry,
    LogPosition,
    Outcome,
)
from accounts.oracle import DEAD, REPEAT, AccountState, Expected, Oracle

COMPARED = (
    "account",
    "kind",
    "amount_minor",
    "currency",
    "business_date",
    "reference",
    "source",
    "submitted_by",
    "submitted_at_ms",
    "balance_minor",
)
FATES = ("posted", "rejected", "dead", "repeats", "transactions")


@dataclass
class ExpectedLedger:
    """What the oracle makes of a whole log."""

    fates: list[Expected]
    balances: dict[str, AccountState]
    totals: dict[tuple[str, date, str], list[int]]
    links: dict[int, bytes]
    counts: dict[int, dict[str, int]]

    @property
    def rows(self) -> list[Expected]:
        """Those that leave a row: all but repeats."""
        return [each for each in self.fates if each.fate != REPEAT]


def expected_ledger(messages: Iterable[Delivered], identity: LogIdentity) -> ExpectedLedger:
    """Read ``messages``, each partition in order, as a log of ``identity`` from its beginning."""
    oracle = Oracle(identity.fingerprint())
    fates = [oracle.read(each.partition, each.offset, each.key, each.value) for each in messages]
    counts = {
        partition: {"repeats": counted["repeat"], **{name: counted[name] for name in FATES[:3]}}
        | {"transactions": counted["transactions"]}
        for partition, counted in oracle.counts.items()
    }
    return ExpectedLedger(fates, oracle.balances, oracle.totals, oracle.links, counts)


def differences(expected: ExpectedLedger) -> list[str]:
    """Say where the database's ledger of the current log is not what was expected."""
    return [
        f"{what} {name}: expected {wanted.get(name)}, is {there.get(name)}"
        for what, wanted, there in (
            ("row", {(e.partition, e.offset): _expected_row(e) for e in expected.rows}, _rows()),
            ("balance", {n: asdict(state) for n, state in expected.balances.items()}, _balances()),
            ("total", expected.totals, _totals()),
            ("link", expected.links, _links()),
            ("count", expected.counts, _counts()),
        )
        for name in sorted(wanted.keys() | there.keys(), key=str)
        if wanted.get(name) != there.get(name)
    ]


def _expected_row(each: Expected) -> dict[str, Any]:
    return {
        "fate": each.fate,
        "reason": each.reason,
        "transaction_id": each.transaction_id,
        "digest": each.digest,
        "link": each.link,
    } | {name: getattr(each, name) for name in COMPARED if each.fate != DEAD}


def _rows() -> dict[tuple[int, int], dict[str, Any]]:
    codes = {int(kind): code for code, kind in KIND_BY_CODE.items()}
    log = current_log()
    found = {}
    for row in [*Entry.objects.filter(log=log), *DeadLetter.objects.filter(log=log)]:
        common = {
            "reason": row.reason,
            "transaction_id": row.transaction_id,
            "digest": bytes(row.digest),
            "link": bytes(row.link),
        }
        if isinstance(row, DeadLetter):
            found[row.partition, row.offset] = common | {"fate": DEAD}
            continue
        found[row.partition, row.offset] = (
            common
            | {name: getattr(row, name) for name in COMPARED[2:]}
            | {
                "fate": Outcome(row.outcome).name.lower(),
                "account": row.account_id,
                "kind": codes[row.kind_id],
            }
        )
    return found


def _balances() -> dict[str, dict[str, Any]]:
    names = ("currency", "balance_minor", "least_balance_minor", "turnover_minor", "posted_count")
    return {
        row.account_id: {name: getattr(row, name) for name in names}
        for row in Balance.objects.all()
    }


def _totals() -> dict[tuple[str, date, str], list[int]]:
    codes = {int(kind): code for code, kind in KIND_BY_CODE.items()}
    return {
        (row.account, row.business_date, codes[row.kind_id]): [row.count, row.amount_minor]
        for row in DailyTotal.objects.all()
    }


def _positions() -> list[LogPosition]:
    return [*LogPosition.objects.filter(log=current_log()).exclude(last_offset=None)]


def _links() -> dict[int, bytes]:
    return {row.partition: bytes(row.link) for row in _positions() if row.link != bytes(32)}


def _counts() -> dict[int, dict[str, int]]:
    return {row.partition: {name: getattr(row, name) for name in FATES} for row in _positions()}
