"""Portals whose commands the tests of this folder run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.databases import copy_database, settle_database
from tests.made_once import made_once
from tests.processes import Portal
from tests.streaming.recovery import Bank


@pytest.fixture
def portal_on(empty_database, tmp_path):
    """Give a function that makes a portal on a Kafka; all its processes end with the test."""
    made: list[Portal] = []

    def make(
        bootstrap_servers: str, kind: type[Portal] = Portal, source: Path = empty_database
    ) -> Portal:
        copy_database(source, tmp_path)
        made.append(kind(tmp_path, bootstrap_servers))
        return made[-1]

    yield make
    for portal in made:
        portal.close()


@pytest.fixture
def posted_once(kafka, empty_database, run_folder, portal_on, tmp_path):
    """Give a function that gives a portal of its own whose ledger ``post`` made once for a run.

    It is told from others by ``name``. All have one topic, to which nobody may publish more.
    """

    def give(name: str, kind: type[Portal], post: Callable[[Any], object]) -> Any:
        def make(folder: Path) -> None:
            copy_database(empty_database, folder)
            portal = kind(folder, kafka.bootstrap_servers)
            portal.create_topics()
            post(portal)
            settle_database(folder)
            (folder / "topic.txt").write_text(portal.topic)

        source = made_once(run_folder / name, make)
        portal = portal_on(kafka.bootstrap_servers, kind, source)
        portal.follow((source / "topic.txt").read_text())
        if (source / "backups").exists():
            shutil.copytree(source / "backups", tmp_path / "backups")
        return portal

    return give


@pytest.fixture
def concluded(posted_once):
    """Give a function that gives a bank which has concluded so many messages of every fate."""

    def give(count: int, *, is_backed_up: bool = False) -> Bank:
        def post(bank: Bank) -> None:
            bank.publish_something(count)
            bank.post_all(count)
            if is_backed_up:
                bank.backup()

        name = f"concluded-{count}-backed-up" if is_backed_up else f"concluded-{count}"
        return posted_once(name, Bank, post)

    return give
