"""Posting as django-hordak does, for ``bench.scaling``, which says what to post.

A process of its own, since a Django has the apps of one project, and hordak's are not ours.
"""

import os
import time
from decimal import Decimal
from typing import Any

from bench.pipeline import answer_with, deposits


class Books:
    """Double-entry books in the database that ``DATABASE_URL`` names, an empty one."""

    def open_accounts(self, count: int) -> None:
        """Make hordak's tables and triggers, an account of cash, and so many of customers.

        Each is the root of a tree of its own, as ``Account.objects.create`` would leave it; that
        takes ever longer, some minutes for 10,000.
        """
        _set_up_django()
        from django.core.management import call_command
        from hordak.models import Account, AccountType

        call_command("migrate", verbosity=0)
        names = ["cash", *(f"B{number}" for number in range(count))]
        self._cash, *customers = Account.objects.bulk_create(
            Account(
                name=name,
                type=AccountType.asset if name == "cash" else AccountType.liability,
                tree_id=number,
                level=0,
                lft=1,
                rght=2,
            )
            for number, name in enumerate(names, 1)
        )
        self._customers = {account.name: account for account in customers}

    def post(self, count: int) -> float:
        """Pay in so many times, each a message decoded and a commit; give the rate a second.

        The accounts are at hand, so that nothing but hordak's own work is done.
        """
        from moneyed import Money

        from accounts.events import decode, encode

        messages = [encode(event) for event in deposits(count, len(self._customers))]
        began = time.perf_counter()
        for key, value in messages:
            event: Any = decode(key, value)
            amount = Money(Decimal(event.amount_minor).scaleb(-2), event.currency)
            customer = self._customers[event.account]
            # The bank owes the customer more, and has more cash.
            customer.transfer_to(self._cash, amount, date=event.business_date)
        return count / (time.perf_counter() - began)


def _set_up_django() -> None:
    import django
    from django.conf import settings

    from bankportal.setting_rules import postgresql_database

    settings.configure(
        DATABASES={"default": postgresql_database(os.environ["DATABASE_URL"])},
        INSTALLED_APPS=["django.contrib.contenttypes", "mptt", "hordak"],
        USE_TZ=True,
    )
    django.setup()


def main() -> None:
    """Do what is asked until nothing is asked any more."""
    answer_with(Books())


if __name__ == "__main__":
    main()
