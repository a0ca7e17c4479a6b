"""Portals whose commands the tests of this folder run."""

import pytest

from tests.databases import copy_database
from tests.processes import Portal


@pytest.fixture
def portal_on(empty_database, tmp_path):
    """Give a function that makes a portal on a Kafka; all its processes end with the test."""
    made: list[Portal] = []

    def make(bootstrap_servers: str, kind: type[Portal] = Portal) -> Portal:
        copy_database(empty_database, tmp_path)
        made.append(kind(tmp_path, bootstrap_servers))
        return made[-1]

    yield make
    for portal in made:
        portal.close()
