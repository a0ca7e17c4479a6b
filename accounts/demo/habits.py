"""What a customer of the demonstration means to do: when, how much, and by whose hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Final

from accounts.demo.customers import Customer, Living
from accounts.demo.names import TELLERS

# What no agent's hand does.
MACHINE: Final = "automate"
BANK: Final = "virements"

_SATURDAY, _SUNDAY = 5, 6
# Hours at the counter and at the machine, as often as people come.
_COUNTER_HOURS: Final = (9, 9, 10, 10, 10, 11, 11, 14, 15, 15, 16, 16, 17)
_SATURDAY_HOURS: Final = (9, 9, 10, 10, 11, 11)
_MACHINE_HOURS: Final = (
    8,
    9,
    10,
    11,
    12,
    12,
    12,
    13,
    13,
    16,
    17,
    17,
    18,
    18,
    18,
    19,
    19,
    20,
    21,
    22,
)
_BILLS: Final = ("Électricité", "Assurance habitation", "Téléphone", "Eau", "Mutuelle", "Impôts")


@dataclass(frozen=True, order=True)
class Wish:
    """A deposit (above zero) or a withdrawal (below) that somebody asks for at a moment."""

    at: datetime
    amount_minor: int
    reference: str
    by: str


def wishes(customer: Customer, first: date, last: date, random: Random) -> list[Wish]:
    """Give what ``customer`` wishes from ``first`` to ``last``, in order of time."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    habits = _SHOP if customer.living == Living.SHOP else _HOUSEHOLD
    return sorted(wish for day in days for habit in habits for wish in habit(customer, day, random))


def _income(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    pay_day, reference = {
        Living.SALARY: (28, "Salaire"),
        Living.PENSION: (9, "Pension de retraite"),
        Living.STUDIES: (5, "Bourse"),
    }[customer.living]
    if day.day == pay_day:
        share = random.uniform(0.98, 1.02) if customer.living == Living.SALARY else 1.0
        yield Wish(_early(day, random), _rounded(customer.monthly_minor * share), reference, BANK)


def _rent(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    if day.day == 4:
        amount_minor = customer.monthly_minor * (28 + int(customer.number[1:]) % 9) // 100
        yield Wish(_early(day, random), -_to_euros(amount_minor), "Loyer", BANK)


def _bills(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    if day.day == 12:
        bill = _BILLS[(day.month + int(customer.number[1:])) % len(_BILLS)]
        share = random.uniform(0.02, 0.07)
        yield Wish(_early(day, random), -_rounded(customer.monthly_minor * share), bill, BANK)


def _card(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    """Pay the month's purchases; some live within their means, others do not."""
    if day.day == 2:
        share = random.uniform(0.2, 0.4) + customer.spending
        yield Wish(_early(day, random), -_rounded(customer.monthly_minor * share), "Carte", BANK)


def _cash(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    """Take cash: at the machine on any day, more before the weekend; pensioners at the counter."""
    is_eager = day.weekday() in {4, _SATURDAY}
    if random.random() > (0.22 if is_eager else 0.12):
        return
    amount_minor = max(1_000, _to_tens(customer.monthly_minor * random.uniform(0.01, 0.07)))
    if customer.living == Living.PENSION and is_open(day):
        yield Wish(at_counter(day, random), -amount_minor, "", _teller(customer, random))
    else:
        yield Wish(
            _at(day, _MACHINE_HOURS, random), -amount_minor, "Retrait au distributeur", MACHINE
        )


def _counter(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    """Come to the counter now and then, with a cheque or for a larger sum."""
    if not is_open(day) or random.random() > 0.02:
        return
    at, teller = at_counter(day, random), _teller(customer, random)
    if random.random() < 0.6:
        share = random.uniform(0.02, 0.3)
        amount_minor = _rounded(customer.monthly_minor * share)
        yield Wish(at, amount_minor, random.choice(("Chèque", "", "Remboursement")), teller)
    else:
        share = random.uniform(0.1, 0.9)
        yield Wish(at, -_to_tens(customer.monthly_minor * share) or -5_000, "", teller)


def _takings(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    if is_open(day) and random.random() < 0.85:
        usual_minor = customer.monthly_minor / 22
        season = 1.35 if day.month == 12 else 0.75 if day.month == 8 else 1.0
        weekend = 1.5 if day.weekday() == _SATURDAY else 1.0
        amount_minor = _rounded(usual_minor * season * weekend * random.uniform(0.6, 1.4))
        yield Wish(at_counter(day, random), amount_minor, "Recette", _teller(customer, random))


def _suppliers(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    if day.weekday() == 1:
        share = random.uniform(0.13, 0.23) + customer.spending / 10
        yield Wish(
            _early(day, random), -_rounded(customer.monthly_minor * share), "Fournisseur", BANK
        )


def _wages(customer: Customer, day: date, random: Random) -> Iterator[Wish]:
    if day.day == 28:
        amount_minor = _rounded(customer.monthly_minor * random.uniform(0.22, 0.28))
        yield Wish(_early(day, random), -amount_minor, "Salaires et charges", BANK)


_HOUSEHOLD: Final = (_income, _rent, _bills, _card, _cash, _counter)
_SHOP: Final = (_takings, _suppliers, _wages)


def is_open(day: date) -> bool:
    """Tell whether the branches are open: not on Sundays, nor on the days that all keep."""
    return day.weekday() != _SUNDAY and (day.month, day.day) not in {
        (1, 1),
        (5, 1),
        (5, 8),
        (7, 14),
        (8, 15),
        (11, 1),
        (11, 11),
        (12, 25),
    }


def at_counter(day: date, random: Random) -> datetime:
    """Give a moment of ``day`` at which somebody comes to the counter."""
    hours = _SATURDAY_HOURS if day.weekday() == _SATURDAY else _COUNTER_HOURS
    return _at(day, hours, random)


def _at(day: date, hours: tuple[int, ...], random: Random) -> datetime:
    moment = time(random.choice(hours), random.randrange(60), random.randrange(60))
    return datetime.combine(day, moment)  # local; the plan knows the zone


def _early(day: date, random: Random) -> datetime:
    return datetime.combine(day, time(5, random.randrange(60), random.randrange(60)))


def _teller(customer: Customer, random: Random) -> str:
    return random.choice(TELLERS[customer.branch])[0]


def _rounded(amount_minor: float) -> int:
    return max(1, round(amount_minor))


def _to_euros(amount_minor: float) -> int:
    return max(100, round(amount_minor / 100) * 100)


def _to_tens(amount_minor: float) -> int:
    return round(amount_minor / 1_000) * 1_000
