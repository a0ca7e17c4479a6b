"""The customers of the demonstration: who they are, where they bank, what they live on."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from accounts.demo.names import FIRST_NAMES, LAST_NAMES, TRADES

SEED: Final = "bankportal demonstration 1"
FIRST_NUMBER: Final = 1001
CUSTOMER_COUNT: Final = 298


class Living(StrEnum):
    """What comes in and goes out of an account."""

    SALARY = "salary"
    PENSION = "pension"
    STUDIES = "studies"
    SHOP = "shop"


_LIVINGS: Final = (
    *([Living.SALARY] * 58),
    *([Living.PENSION] * 22),
    *([Living.STUDIES] * 12),
    *([Living.SHOP] * 8),
)
# Half of the customers bank at the first branch.
_BRANCHES: Final = (0, 0, 0, 0, 0, 1, 1, 1, 2, 2)
_MONTHLY_EUROS: Final = {
    Living.SALARY: (1_500, 4_200),
    Living.PENSION: (1_050, 2_400),
    Living.STUDIES: (450, 900),
    Living.SHOP: (4_500, 16_000),
}


@dataclass(frozen=True, kw_only=True)
class Customer:
    """An account to be. ``branch`` counts the branches of the demonstration from 0."""

    number: str
    holder: str
    branch: int
    living: Living
    monthly_minor: int
    # The share of the month's income that goes beyond, or stays below, what others spend.
    spending: float
    opening_balance_minor: int
    least_balance_minor: int
    # After how many days of the eighteen months the account is opened.
    opened_on_day: int


@dataclass(frozen=True)
class QuietAccount:
    """An account of the history file, of which the demonstration says only who holds it."""

    number: str
    holder: str
    balance_minor: int


QUIET_ACCOUNTS: Final = (
    QuietAccount("C100", "Camille Lefèvre", 83_000),
    QuietAccount("C200", "Étienne Garnier", 230_000),
)


def customers() -> list[Customer]:
    """Give the 298 customers; always the same ones. With the quiet accounts they are 300."""
    random = Random(SEED)  # noqa: S311 - nothing secret is made of it
    holders: set[str] = set()
    made = []
    for number in range(FIRST_NUMBER, FIRST_NUMBER + CUSTOMER_COUNT):
        customer = _customer(f"C{number}", holders, random)
        holders.add(customer.holder)
        made.append(customer)
    return made


def _customer(number: str, taken: set[str], random: Random) -> Customer:
    living = random.choice(_LIVINGS)
    least, most = _MONTHLY_EUROS[living]
    monthly_minor = random.randrange(least, most) * 100
    is_late = random.random() < 0.2
    return Customer(
        number=number,
        holder=_holder(living, taken, random),
        branch=random.choice(_BRANCHES),
        living=living,
        monthly_minor=monthly_minor,
        spending=random.triangular(-0.15, 0.35, 0.1),
        opening_balance_minor=random.randrange(10, 150) * monthly_minor // 100,
        least_balance_minor=_overdraft_allowed(living, random),
        opened_on_day=random.randrange(1, 360) if is_late else 0,
    )


def _holder(living: Living, taken: set[str], random: Random) -> str:
    while True:
        last_name = random.choice(LAST_NAMES)
        if living == Living.SHOP:
            holder = random.choice(TRADES).format(last_name)
        else:
            holder = f"{random.choice(FIRST_NAMES)} {last_name}"
        if holder not in taken:
            return holder


def _overdraft_allowed(living: Living, random: Random) -> int:
    if living == Living.STUDIES:
        return 0
    if living == Living.SHOP:
        return -random.choice((200_000, 500_000))
    return -random.choice((0, 0, 20_000, 50_000))
