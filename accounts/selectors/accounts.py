"""Reads of accounts: one by its number, those that a search finds, those an agent used last."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import nsmallest
from itertools import islice

from django.db.models import Case, QuerySet, Value, When
from django.db.models.functions import Lower

from accounts.database_troubles import streamed
from accounts.models import Account, Agent, Entry, Submission
from accounts.models.account import NUMBER_LENGTH
from accounts.selectors.scope import accounts_seen_by

SHOWN_AT_MOST = 25
# One more tells that there are more.
_LOOKED_FOR = SHOWN_AT_MOST + 1
_SUBMISSIONS_LOOKED_AT = 100


class NoSuchAccount(Exception):
    """No account of that number exists for the agent who asks."""


def account_seen_by(agent: Agent, number: str) -> Account:
    """Give the account of exactly that number, else the only one that differs in case.

    Raises ``NoSuchAccount``, also for an account of another branch.
    """
    accounts = accounts_seen_by(agent).select_related("branch", "balance")
    number = number.strip()
    # No database is asked for what none of them takes.
    if len(number) > NUMBER_LENGTH or "\0" in number:
        raise NoSuchAccount(number)
    if exact := accounts.filter(number=number).first():
        return exact
    others = list(accounts.filter(number__iexact=number)[:2])
    if len(others) != 1:
        raise NoSuchAccount(number)
    return others[0]


def accounts_found(agent: Agent, words: str) -> list[Account]:
    """Give the accounts that ``words`` names by number or by part of the holder's name.

    A number given in full, in any case, is found alone. Accents and case do not matter. More
    than ``SHOWN_AT_MOST`` are found as one more than that.
    """
    try:
        return [account_seen_by(agent, words)]
    except NoSuchAccount:
        return _by_holder(agent, words)


def accounts_suggested(agent: Agent, words: str, *, at_most: int) -> list[Account]:
    """Give the accounts that ``words`` may come to mean, the likeliest first.

    Those whose number begins so stand before those with a name that does, and these before all
    others that have the words somewhere.
    """
    found = nsmallest(at_most, ((rank, number) for number, rank in _matching(agent, words)))
    return _in_order(agent, [number for _rank, number in found])


def numbers_found(agent: Agent, words: str) -> frozenset[str]:
    """Give the numbers of all accounts that ``words`` names by number or part of the holder."""
    return frozenset(number for number, _rank in _matching(agent, words))


def accounts_used_by(agent: Agent, *, at_most: int = 8) -> list[Account]:
    """Give the accounts of the agent's last submissions, the latest first."""
    numbers = _last_submitted(agent)
    return _in_order(agent, list(dict.fromkeys(numbers))[:at_most])


def first_accounts(agent: Agent) -> list[Account]:
    """Give the first accounts that the agent may see, by number; as many as a search finds."""
    accounts = accounts_seen_by(agent).select_related("balance", "branch")
    return list(accounts.order_by("number")[:_LOOKED_FOR])


def is_number_taken(number: str) -> bool:
    """Tell whether any branch has an account of that number, in any case."""
    return Account.objects.annotate(lower=Lower("number")).filter(lower=number.lower()).exists()


def anybodys_account(number: str) -> Account | None:
    """Give the account that ``number`` means, whoever's it is: for what is kept of refusals."""
    number = number.strip()
    if not number or len(number) > NUMBER_LENGTH or "\0" in number:
        return None
    exact = Account.objects.filter(number=number).first()
    return exact or Account.objects.filter(number__iexact=number).first()


def is_anybodys(number: str) -> bool:
    """Tell whether the bank files an account of just that number, or the ledger has met it."""
    filed = Account.objects.filter(number=number)
    return filed.exists() or Entry.objects.filter(account_id=number).exists()


def holders_of(numbers: Iterable[str], *, seen_by: Agent) -> dict[str, str]:
    """Give the holders of accounts by their numbers, for those that the agent may see."""
    accounts = accounts_seen_by(seen_by).filter(number__in=set(numbers))
    return dict(accounts.values_list("number", "holder"))


def _by_holder(agent: Agent, words: str) -> list[Account]:
    found = (number for number, _rank in _matching(agent, words))
    return _in_order(agent, list(islice(found, _LOOKED_FOR)))


def _matching(agent: Agent, words: str) -> Iterator[tuple[str, int]]:
    """Give the numbers of accounts that have all of ``words``, in order, each with its rank."""
    wanted = _folded(words).split()
    if not wanted:
        return
    rows = accounts_seen_by(agent).order_by("number").values_list("number", "holder")
    for number, holder in streamed(rows):
        text = _folded(f"{number} {holder}")
        if all(word in text for word in wanted):
            yield number, _rank(text, wanted)


def _rank(text: str, wanted: Sequence[str]) -> int:
    """Tell how well a text fits: its number begins so, its words begin so, or they have it."""
    if text.startswith(wanted[0]) and len(wanted) == 1:
        return 0
    return 1 if all(f" {word}" in text for word in wanted) else 2


def _last_submitted(agent: Agent) -> QuerySet[Submission, str]:
    mine = Submission.objects.filter(submitted_by=agent).order_by("-id")
    return mine.values_list("account", flat=True)[:_SUBMISSIONS_LOOKED_AT]


def _in_order(agent: Agent, numbers: list[str]) -> list[Account]:
    if not numbers:
        return []
    places = Case(*(When(number=number, then=Value(i)) for i, number in enumerate(numbers)))
    accounts = accounts_seen_by(agent).select_related("balance", "branch")
    return list(accounts.filter(number__in=numbers).order_by(places))


# A search folds every holder of a branch: 10,000 names take 40 ms, and from memory 3 ms.
@lru_cache(maxsize=100_000)
def _folded(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
