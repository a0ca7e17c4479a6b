"""The eighteen months of the demonstration, as events in order of time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from operator import attrgetter
from random import Random
from typing import Final
from uuid import UUID

from accounts.demo.customers import QUIET_ACCOUNTS, SEED, Customer, customers
from accounts.demo.habits import Wish, wishes
from accounts.demo.names import TELLERS
from accounts.events import DEMO_SOURCE, AccountOpened, Deposit, Event, Withdrawal
from accounts.identifiers import derived_transaction_id

DAYS: Final = 548

# How often somebody asks for more than there is; the others look first.
_CARELESS: Final = 0.12


def planned_events(until: datetime, *, currency: str, zone: tzinfo) -> list[Event]:
    """Give all events up to ``until``, an aware moment, in order of time.

    The same moment gives the same bytes: ids and all else are drawn from a fixed seed.
    """
    plan = _Plan(until, currency, zone)
    events = [event for customer in customers() for event in plan.of_customer(customer)]
    return sorted(events, key=attrgetter("submitted_at"))


def quiet_openings(until: datetime, *, currency: str, zone: tzinfo) -> list[AccountOpened]:
    """Give the openings of the history's accounts, for a ledger without the history."""
    plan = _Plan(until, currency, zone)
    return [plan.opening(each.number, each.balance_minor, 0, 0, 0) for each in QUIET_ACCOUNTS]


class _Plan:
    def __init__(self, until: datetime, currency: str, zone: tzinfo) -> None:
        self._until = until
        self._currency = currency
        self._zone = zone
        self._last = until.astimezone(zone).date()
        self._first = self._last - timedelta(days=DAYS)

    def of_customer(self, customer: Customer) -> Iterator[Event]:
        """Give a customer's opening, and wishes as far as the balance lets them be wished."""
        random = Random(f"{SEED};{customer.number}")  # noqa: S311 - nothing secret is made of it
        opening = self.opening(
            customer.number,
            customer.opening_balance_minor,
            customer.least_balance_minor,
            customer.branch,
            customer.opened_on_day,
        )
        yield opening
        first = opening.business_date + timedelta(days=1)
        balance_minor = customer.opening_balance_minor
        for number, wish in enumerate(wishes(customer, first, self._last, random)):
            available_minor = balance_minor - customer.least_balance_minor
            wish_is_possible = wish.amount_minor + available_minor >= 0
            if not wish_is_possible and random.random() > _CARELESS:
                continue
            event = self._event(customer.number, number, wish)
            if event.submitted_at > self._until:
                return
            balance_minor += wish.amount_minor if wish_is_possible else 0
            yield event

    def opening(
        self,
        number: str,
        opening_balance_minor: int,
        least_balance_minor: int,
        branch: int,
        day: int,
    ) -> AccountOpened:
        """Give the event that opens an account at nine on the ``day``-th day of the plan."""
        opened_on = self._first + timedelta(days=day)
        return AccountOpened(
            version=1,
            transaction_id=self._identifier(opened_on, f"{number};opening"),
            account=number,
            currency=self._currency,
            business_date=opened_on,
            submitted_at=self._moment(datetime.combine(opened_on, time(9))),
            submitted_by=TELLERS[branch][0][0],
            source=DEMO_SOURCE,
            opening_balance_minor=opening_balance_minor,
            least_balance_minor=least_balance_minor,
        )

    def _event(self, account: str, number: int, wish: Wish) -> Deposit | Withdrawal:
        kind = Deposit if wish.amount_minor > 0 else Withdrawal
        day = wish.at.date()
        return kind(
            version=1,
            transaction_id=self._identifier(day, f"{account};{number}"),
            account=account,
            amount_minor=abs(wish.amount_minor),
            currency=self._currency,
            business_date=day,
            submitted_at=self._moment(wish.at),
            submitted_by=wish.by,
            source=DEMO_SOURCE,
            reference=wish.reference,
        )

    def _identifier(self, day: date, text: str) -> UUID:
        return derived_transaction_id(day, f"{SEED};{self._first};{text}")

    def _moment(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self._zone).astimezone(UTC)
