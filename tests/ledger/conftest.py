import pytest

from tests.builders import LedgerInTest


@pytest.fixture
def ledger(db) -> LedgerInTest:
    return LedgerInTest()
