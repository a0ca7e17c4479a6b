"""What accounts held as it was known at a past moment."""

from django.db.models import OuterRef, QuerySet, Subquery

from accounts.models import Balance, Entry, Outcome
from accounts.selectors.known import known_at


def balances_at(balances: QuerySet[Balance], as_of: int) -> dict[str, int]:
    """Give balances in minor units by account; accounts that were not open then have none.

    A posted entry tells the balance after it, and all entries of an account are in the order of
    its partition: the last that was known tells the balance that was known.
    """
    posted = Entry.objects.filter(account_id=OuterRef("account_id"), outcome=Outcome.POSTED)
    last = posted.filter(known_at(as_of).condition).order_by("-id")
    then = balances.annotate(then_minor=Subquery(last.values("balance_minor")[:1]))
    found = then.filter(then_minor__isnull=False).values_list("account_id", "then_minor")
    return {str(account): minor for account, minor in found}
