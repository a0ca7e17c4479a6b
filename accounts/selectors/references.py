"""Reads of transactions by the reference that an agent gave them."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection

from accounts.models import Agent, Kind, Submission
from accounts.models.fields import in_byte_order
from accounts.selectors.accounts import holders_of
from accounts.selectors.scope import submissions_seen_by

# So much of a reference has to be there before it is looked for.
SHORTEST = 3
_LAST_SIGN = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Referenced:
    """A transaction as a search by reference names it."""

    transaction_id: UUID
    reference: str
    account: str
    holder: str
    kind: int
    signed_amount_minor: int
    business_date: date


def transactions_referenced(agent: Agent, words: str, *, at_most: int) -> list[Referenced]:
    """Give submissions whose reference is ``words`` or begins so, by reference.

    In the case that is typed, or in lower, upper or capitalised letters: an index answers, also
    among millions. Transactions that no agent of this portal submitted have their reference in
    the ledger alone, where nothing is indexed by it.
    """
    words = words.strip()
    if len(words) < SHORTEST:
        return []
    spellings = {words, words.lower(), words.upper(), words.capitalize()}
    # One query each: of several ranges at once SQLite would sort all that it finds.
    found = [each for text in sorted(spellings) for each in _beginning(agent, text, at_most)]
    found = sorted(found, key=lambda each: (each.reference, each.pk))[:at_most]
    holders = holders_of((each.account for each in found), seen_by=agent)
    return [_referenced(each, holders.get(each.account, "")) for each in found]


def _referenced(submission: Submission, holder: str) -> Referenced:
    is_out = submission.kind_id == Kind.WITHDRAWAL
    return Referenced(
        submission.transaction_id,
        submission.reference,
        submission.account,
        holder,
        submission.kind_id,
        -submission.amount_minor if is_out else submission.amount_minor,
        submission.business_date,
    )


def _beginning(agent: Agent, text: str, at_most: int) -> list[Submission]:
    ordered = in_byte_order("reference", connection)
    seen = submissions_seen_by(agent).alias(ordered=ordered)
    begins = seen.filter(ordered__gte=text, ordered__lt=text + _LAST_SIGN)
    return list(begins.order_by("ordered", "id")[:at_most])
