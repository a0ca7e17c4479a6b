"""What live pages ask after each change, put together once for each filter and day."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from accounts.models import Entry
from accounts.selectors.audiences import Audience
from accounts.selectors.filters import Filter
from accounts.selectors.live_rows import ids_seen_from
from accounts.selectors.viewpoints import Viewpoint
from tests.builders import LedgerInTest, opened, submitted, withdrawn
from tests.live import branch, filed

pytestmark = pytest.mark.django_db
TODAY = date(2026, 3, 31)
FILTERS = [
    Filter(kind="deposit"),
    Filter(outcome="rejected"),
    Filter(accounts=("C100",)),
    Filter(agent="teller"),
    Filter(branch="lyon"),
    Filter(range="today"),
    Filter(range="7d", kind="withdrawal"),
    Filter(range="dates", first=TODAY - timedelta(days=3), last=TODAY - timedelta(days=1)),
]


@pytest.fixture
def places() -> list[tuple[int, int]]:
    """Post entries of many kinds; give the ends of what is asked for, one after the other."""
    filed("C100", "lyon")
    filed("C200", "nice")
    ledger = LedgerInTest()
    ledger.post(opened(account="C100"), opened(account="C200"))
    for back in (9, 5, 2, 0):
        day = {"business_date": TODAY - timedelta(days=back)}
        ledger.post(
            submitted(500, account="C100", **day),
            submitted(700, account="C200", submitted_by="teller", **day),
            withdrawn(100, account="C100", submitted_by="teller", **day),
            withdrawn(90_000, account="C200", **day),
        )
    # PostgreSQL's ids go on from those of other tests.
    first = Entry.objects.order_by("pk")[0].pk - 1
    return [(first, first + 100), *((first + n, first + n + 6) for n in (0, 4, 12))]


def by_django(viewpoint: Viewpoint, after: int, until: int) -> set[int]:
    return set(viewpoint.entries().filter(id__gt=after, id__lte=until).values_list("id", flat=True))


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_the_same_is_seen_as_on_a_page_each_time_and_on_each_day(places, monkeypatch, chosen):
    code, seen = branch("lyon").pk, set()
    for audience in (Audience(None), Audience(code)):
        viewpoint = Viewpoint(audience, chosen)
        for day in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=20)):
            monkeypatch.setattr(timezone, "localdate", lambda *_of, day=day: day)
            for after, until in places:
                found = ids_seen_from(viewpoint, after=after, until=until)

                assert found == by_django(viewpoint, after, until)
                seen |= found
    assert seen


def test_it_is_put_together_once(places, django_assert_num_queries, monkeypatch):
    viewpoint = Viewpoint(Audience(None), Filter(kind="deposit"))
    ids_seen_from(viewpoint, after=0, until=4)
    monkeypatch.setattr(
        Viewpoint, "entries", lambda _self: pytest.fail("It was put together again.")
    )

    with django_assert_num_queries(1):
        assert ids_seen_from(viewpoint, after=places[0][0], until=places[0][1])
