"""A PostgreSQL that goes on as another one, which may lack what a web process has read of it."""

from unittest import mock
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.transaction import atomic, set_rollback

from accounts.models import Account, Balance
from accounts.selectors import positions
from accounts.selectors.balance_lines import balance_line
from accounts.selectors.periods import Period
from accounts.selectors.positions import Position, current_position
from accounts.selectors.standings import Summed, standings
from bankportal.kept_postgresql.base import DatabaseWrapper
from bankportal.setting_rules import postgresql_database
from tests.builders import LedgerInTest, opened, submitted
from tests.databases import SERVER_URL, only_on
from tests.postgresql_fixtures import PostgresqlServer

pytestmark = only_on("postgresql", "a file has no standby")


def position_at(server: PostgresqlServer) -> Position:
    there = connection.settings_dict | postgresql_database(server.url)
    wrapper = DatabaseWrapper(there, "there")
    with mock.patch.object(positions, "connection", wrapper):
        position = current_position()
    wrapper.close()
    return position


@pytest.mark.django_db(transaction=True)
def test_a_failover_begins_another_epoch_and_a_restart_does_not(postgresql_server):
    LedgerInTest().post(opened())
    name = connection.settings_dict["NAME"]
    postgresql_server.fill_from(urlsplit(SERVER_URL)._replace(path=f"/{name}").geturl())

    first = position_at(postgresql_server)
    postgresql_server.stop()
    postgresql_server.start()
    restarted = position_at(postgresql_server)
    postgresql_server.fail_over()
    taken_over = position_at(postgresql_server)

    assert restarted == first
    assert taken_over.entry_id == first.entry_id
    assert taken_over.epoch != first.epoch


def seen() -> tuple[int, list[int]]:
    """What a web process shows: how much came in, and the steps of an account's balance."""
    account = Account.objects.select_related("balance").get(number="C100")
    line = balance_line(account, account.balance.balance_minor, Period())
    whole = standings.at(Summed(None, None), current_position()).whole
    return whole.deposits_minor, [step.change_minor for step in line.steps]


@pytest.mark.django_db
@pytest.mark.parametrize("others", [1, 2], ids=["fewer", "as many"])
def test_no_sum_keeps_what_the_one_that_took_over_never_had(others):
    """Red where the epoch stays: sums are brought forward from entries that are gone."""
    ledger = LedgerInTest()
    ledger.post(opened(), submitted(100))
    with atomic():
        ledger.post(submitted(7), submitted(8))
        before = seen()
        set_rollback(True)
    timeline = {"postgresql": "'000000FF'"}

    with mock.patch.object(positions, "_TIMELINE", timeline):
        ledger.post(*(submitted(20 + n) for n in range(others)))
        after = seen()

    new = [20, 21][:others]
    assert before == (115, [100, 7, 8])
    assert after == (100 + sum(new), [100, *new])
    assert Balance.objects.get(account="C100").balance_minor == after[0]
