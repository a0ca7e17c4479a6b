"""Reads of many entries: all that match, in the order of a statement, in bounded memory."""

from array import array
from collections.abc import Iterable, Iterator

from django.db.models import Q, QuerySet

from accounts.database_troubles import streamed
from accounts.models import Entry
from accounts.selectors.filters import Filter

ROWS_AT_A_TIME = 2_000
# Few enough for SQLite's parameters.
_IDS_AT_A_TIME = 500


def exported_pages(
    entries: QuerySet[Entry], wanted: Filter, sought: QuerySet[Entry] | None = None
) -> Iterator[list[Entry]]:
    """Give ``entries``, which ``wanted`` lets through, by business date and ledger order.

    ``sought`` are the same as ``few_among_many`` gives them. Where those are others, they are
    looked for once: each part would look for all of them again.
    """
    if wanted.accounts or (sought is not None and sought is not entries):
        return account_entries_by_date(entries, sought)
    return entries_by_date(entries)


def entries_by_date(entries: QuerySet[Entry]) -> Iterator[list[Entry]]:
    """Give ``entries`` by business date and ledger order, some at a time.

    What is posted meanwhile is left out. Each part is a query of its own: a cursor kept open
    for the length of an export would keep SQLite from shortening its log.
    """
    newest = entries.order_by("-id").values_list("id", flat=True).first()
    if newest is None:
        return
    known = entries.filter(id__lte=newest)
    page = list(known.order_by("business_date", "id")[:ROWS_AT_A_TIME])
    while page:
        yield page
        page = _page_after(page[-1], known)


def account_entries_by_date(
    entries: QuerySet[Entry], sought: QuerySet[Entry] | None = None
) -> Iterator[list[Entry]]:
    """Give ``entries``, which are of a few accounts, in the order of ``entries_by_date``.

    Only an index on the account or one on the date can serve a query, so the account's ids
    are put in order first: eight bytes an entry. ``sought`` are the same, to be found sooner.
    """
    looked_for = entries if sought is None else sought
    rows = looked_for.order_by("business_date", "id").values_list("id", flat=True)
    ids = array("q", streamed(rows, chunk_size=ROWS_AT_A_TIME))
    for start in range(0, len(ids), _IDS_AT_A_TIME):
        part = ids[start : start + _IDS_AT_A_TIME].tolist()
        yield _in_order(part, entries.in_bulk(part))


def _page_after(last: Entry, known: QuerySet[Entry]) -> list[Entry]:
    # Two queries, since one with OR would read the whole rest of the ledger each time.
    same_day = Q(business_date=last.business_date, id__gt=last.pk)
    page = list(known.filter(same_day).order_by("id")[:ROWS_AT_A_TIME])
    left = ROWS_AT_A_TIME - len(page)
    later = known.filter(business_date__gt=last.business_date)
    return page + (list(later.order_by("business_date", "id")[:left]) if left else [])


def _in_order(ids: Iterable[int], found: dict[int, Entry]) -> list[Entry]:
    return [found[each] for each in ids]
