"""Balances and daily totals beside the sums of the rows that they stand for."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from accounts.models import AccountStatus, Balance, DailyTotal, Entry, Kind, Outcome
from accounts.oracle import AccountState
from accounts.selectors.snapshot import snapshot
from accounts.selectors.sums import ExactSum
from accounts.verification.discrepancy import Discrepancy, differences

# How much is compared at a time, whichever comes first.
_ACCOUNTS, _TOTALS = 500, 5_000


class _Sum(NamedTuple):
    rows: int
    amount_minor: int


def check_sums(advance: Callable[[int], None]) -> Iterator[Discrepancy]:
    """Compare each balance and daily total with its rows, range after range of accounts.

    Each range is read as of one moment, in which rows and sums agree while posting goes on.
    """
    after: str | None = None
    while True:
        with snapshot():
            until = _end_of_range(after)
            among = _between(after, until)
            found = [*_check_balances(among), *_check_totals(among)]
        yield from found
        advance(0)
        if until is None:
            return
        after = until


def check_openings(expected: Mapping[str, AccountState]) -> Iterator[Discrepancy]:
    """Compare what an account was opened with, which no later event changes."""
    numbers = sorted(expected)
    for start in range(0, len(numbers), _ACCOUNTS):
        part = numbers[start : start + _ACCOUNTS]
        for balance in Balance.objects.filter(account_id__in=part):
            opened = expected[balance.account_id]
            found = differences(
                (
                    ("currency", balance.currency, opened.currency),
                    (
                        "least_balance_minor",
                        balance.least_balance_minor,
                        opened.least_balance_minor,
                    ),
                )
            )
            if found:
                yield Discrepancy(what=f"the balance's {found}", account=balance.account_id)


def _end_of_range(after: str | None) -> str | None:
    """Give the last account of the next range; None where the range has no end."""
    ends = [
        _nth(Balance.objects.order_by("account"), "account_id", after, _ACCOUNTS),
        _nth(DailyTotal.objects.order_by("account"), "account", after, _TOTALS),
    ]
    return min((each for each in ends if each is not None), default=None)


def _nth(rows: "QuerySet[Any]", name: str, after: str | None, place: int) -> str | None:
    beyond = rows if after is None else rows.filter(account__gt=after)
    found: str | None = beyond.values_list(name, flat=True)[place : place + 1].first()
    return found


def _between(after: str | None, until: str | None) -> Q:
    lower = Q() if after is None else Q(account__gt=after)
    return lower if until is None else lower & Q(account__lte=until)


def _check_balances(among: Q) -> Iterator[Discrepancy]:
    posted = Entry.objects.filter(among, outcome=Outcome.POSTED).order_by()
    sums: dict[str, dict[int, _Sum]] = {}
    for number, kind, count, amount_minor in posted.values_list("account_id", "kind_id").annotate(
        count=Count("pk"), amount=ExactSum("amount_minor")
    ):
        sums.setdefault(number, {})[kind] = _Sum(count, amount_minor)
    for balance in Balance.objects.filter(among).order_by("account"):
        found = _differences(balance, sums.pop(balance.account_id, {}))
        if found:
            yield Discrepancy(what=f"the balance's {found}", account=balance.account_id)
    for number in sorted(sums):
        yield Discrepancy(what="entries are posted, and no balance is there", account=number)


def _differences(balance: Balance, sums: Mapping[int, _Sum]) -> str:
    nothing = _Sum(0, 0)
    opening, paid_in, paid_out = (sums.get(kind, nothing) for kind in Kind)
    return differences(
        (
            (
                "balance_minor",
                balance.balance_minor,
                opening.amount_minor + paid_in.amount_minor - paid_out.amount_minor,
            ),
            ("posted_count", balance.posted_count, sum(each.rows for each in sums.values())),
            (
                "turnover_minor",
                balance.turnover_minor,
                paid_in.amount_minor + paid_out.amount_minor,
            ),
            ("openings", opening.rows, 1),
            # No event freezes an account.
            ("status", balance.status, int(AccountStatus.OPEN)),
        )
    )


def _check_totals(among: Q) -> Iterator[Discrepancy]:
    moved = Entry.objects.filter(among, outcome=Outcome.POSTED).exclude(kind=Kind.ACCOUNT_OPENED)
    sums: dict[tuple[str, date, int], _Sum] = {
        (number, day, kind): _Sum(count, amount_minor)
        for number, day, kind, count, amount_minor in moved.order_by()
        .values_list("account_id", "business_date", "kind_id")
        .annotate(count=Count("pk"), amount=ExactSum("amount_minor"))
    }
    for total in DailyTotal.objects.filter(among).order_by("account", "business_date", "kind"):
        expected = sums.pop((total.account, total.business_date, total.kind_id), _Sum(0, 0))
        found = differences(
            (
                ("count", total.count, expected.rows),
                ("amount_minor", total.amount_minor, expected.amount_minor),
            )
        )
        if found:
            yield _of_total(total.account, total.business_date, total.kind_id, found)
    for number, day, kind in sorted(sums):
        yield _of_total(number, day, kind, "row is missing")


def _of_total(number: str, day: date, kind: int, what: str) -> Discrepancy:
    return Discrepancy(what=f"the total of {day}, kind {kind}: {what}", account=number)
