"""Banks to be broken: each of its test, with a dashboard that watches from the start."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.bank import Bank, build_template
from tests.faults.seeds import Chances
from tests.made_once import made_once


@pytest.fixture
def chances() -> Chances:
    """Give chances of a seed that is printed with a failure."""
    return Chances.drawn()


@pytest.fixture(scope="session")
def template(empty_database: Path, run_folder: Path) -> Path:
    """Give the folder of a database to be copied."""
    build = partial(build_template, empty=empty_database)
    return made_once(run_folder / "bank-template", build)


@pytest.fixture
def new_bank(kafka, template, tmp_path) -> Iterator[Callable[..., Bank]]:
    """Give a function that makes a bank on the shared broker; it ends with the test."""
    made: list[Bank] = []

    def make(
        *, has_own_broker: bool = False, folder: Path | None = None, **environment: str
    ) -> Bank:
        place = folder or tmp_path / f"bank-{len(made)}"
        servers = "" if has_own_broker else kafka.bootstrap_servers
        bank = Bank(place, template, servers, **environment)
        bank.logs = tmp_path / f"logs-{len(made)}"
        bank.logs.mkdir()
        made.append(bank)
        return bank

    yield make
    for bank in made:
        bank.close()


@pytest.fixture
def bank(new_bank) -> Bank:
    """Give a bank whose pages are up and watched; consumer and relay are for the test to start."""
    bank = new_bank()
    bank.create_topics()
    return bank.open_doors()
