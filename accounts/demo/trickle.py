"""Customers who come to the counter of the demonstration while somebody watches."""

from random import Random

from accounts.demo.customers import QUIET_ACCOUNTS
from accounts.demo.names import TELLERS
from accounts.identifiers import new_transaction_id
from accounts.models import BRANCH_ROLES, Account, Agent, Kind, Submission
from accounts.services.submissions import submit_transaction

_USERNAMES = [username for people in TELLERS for username, _first, _last in people]
_EUROS = {Kind.DEPOSIT: (20, 600), Kind.WITHDRAWAL: (20, 300)}


def submit_something(random: Random) -> Submission | None:
    """Submit what some customer might, as a teller of the branch; None without such a bank.

    Raises what ``submit_transaction`` raises.
    """
    teller = _teller(random)
    number = _account_of(teller, random) if teller else None
    if teller is None or number is None:
        return None
    kind = random.choice((Kind.DEPOSIT, Kind.WITHDRAWAL, Kind.WITHDRAWAL))
    least, most = _EUROS[kind]
    return submit_transaction(
        transaction_id=new_transaction_id(),
        account=number,
        kind=kind,
        # Cash goes out in whole notes, and comes in as it is found.
        amount_minor=random.randrange(least, most, 10) * 100 + _cents(kind, random),
        by=teller,
    )


def _cents(kind: Kind, random: Random) -> int:
    return random.choice((0, 0, random.randrange(1_000))) if kind == Kind.DEPOSIT else 0


def _teller(random: Random) -> Agent | None:
    known = Agent.objects.filter(username__in=_USERNAMES, is_active=True)
    tellers = list(known.filter(role__in=BRANCH_ROLES).select_related("branch"))
    return random.choice(tellers) if tellers else None


def _account_of(teller: Agent, random: Random) -> str | None:
    quiet = [each.number for each in QUIET_ACCOUNTS]
    opened = Account.objects.filter(branch=teller.branch, balance__isnull=False)
    numbers = list(opened.exclude(number__in=quiet).values_list("number", flat=True))
    return random.choice(numbers) if numbers else None
