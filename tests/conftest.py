"""What the whole suite shares: static files, where its database lives, which browser there is."""

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime, time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.management.commands import flush as flush_command
from django.db import connections
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from whitenoise import WhiteNoise

from accounts.ledger.append_only import creating, dropping
from accounts.services.refusals import floods
from bankportal.prepare import bring_static_files_up_to_date
from bench import machine
from tests.databases import SERVER_URL, copy_database, database_of, runs_only_on
from tests.made_once import made_once
from tests.processes import Portal, let_children_hear_signals, wait_until

pytest_plugins = ["tests.kafka_fixtures", "tests.postgresql_fixtures", "tests.secured_kafka"]

FIRST_OF_THE_DAY, LAST_OF_THE_DAY = time(0, 0, 20), time(23, 59)

# Some hundreds of processes are started, and each would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine is no fault of what is tested, and a landing depends on no dice.
hypothesis_settings.register_profile(
    "bankportal",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
hypothesis_settings.load_profile("bankportal")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    empty_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_modify_db_settings_parallel_suffix: None,
) -> None:
    """Give this process a database of its own, with its tables, as a real one is.

    On SQLite a file: in memory it would lock by table rather than by transaction, and no other
    thread or process could read beside a writer.
    """
    folder = tmp_path_factory.mktemp("database")
    copy_database(empty_database, folder)
    test = settings.DATABASES["default"].setdefault("TEST", {})
    test |= {"NAME": database_of(folder).name, "MIGRATE": False}


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Take the database that is there; it goes with the folder of the run, or with its server."""
    return True


def pytest_sessionstart() -> None:
    """Collect the static files as a start does; whoever comes first does it for all.

    Before the tests are collected, since some import the site, which looks for them.
    """
    bring_static_files_up_to_date()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run on PostgreSQL nothing but what asks the database: the rest has run on SQLite."""
    if SERVER_URL:
        asking = [each for each in items if _asks_the_database(each)]
        config.hook.pytest_deselected(items=[each for each in items if each not in set(asking)])
        items[:] = asking


def _asks_the_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "live_server", "empty_database", "postgresql_server"}
    return bool(
        fixtures & set(getattr(item, "fixturenames", ()))
        or item.get_closest_marker("django_db")
        or any(runs_only_on("postgresql", each) for each in item.iter_markers("skipif"))
    )


class LongOnesFirst:
    """What orders the tests after all others have had their way with them."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        begin_with_the_long_ones(items)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LongOnesFirst())


def begin_with_the_long_ones(items: list[pytest.Item]) -> None:
    """Let each worker begin with its share of the long tests: none is to be the last one."""
    worker_count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [each for each in items if each.get_closest_marker("long")]
    others = [each for each in items if not each.get_closest_marker("long")]
    ordered: list[pytest.Item] = []
    # As xdist deals tests out: one part after the other, the last ones larger by one at most.
    for number in range(worker_count):
        part = (len(items) - len(ordered)) // (worker_count - number)
        ordered += long[number::worker_count]
        while others and part > len(long[number::worker_count]):
            ordered.append(others.pop(0))
            part -= 1
    items[:] = [*ordered, *others]


def pytest_collection_finish() -> None:
    """Keep what was collected out of every later search for garbage."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def children_that_hear_signals() -> None:
    """Only where tests run: the process that starts the others of a run stays deaf with them."""
    let_children_hear_signals()


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> None:
    """Hash by the same algorithm in one round: a million of them take half a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(autouse=True, scope="session")
def static_files_found_once() -> Iterator[None]:
    """Go through the static files once: each client of a test has middleware of its own."""
    found: dict[object, dict[str, object]] = {}
    look = WhiteNoise.update_files_dictionary

    def look_once(self: WhiteNoise, root: str, prefix: str) -> None:
        storage = settings.STORAGES["staticfiles"]["BACKEND"]
        place = (root, prefix, storage, self.max_age)
        if place not in found:
            look(self, root, prefix)
            found[place] = dict(self.files)
        self.files.update(found[place])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", look_once)
        yield


# What migrations write for good, and no test changes.
_STANDING = {"django_content_type", "auth_permission", "accounts_entrykind"}


@pytest.fixture(autouse=True)
def one_day() -> None:
    """Begin no test shortly before midnight, nor in the seconds after: today is one day in all."""
    zone = ZoneInfo(settings.TIME_ZONE)

    def is_far_from_midnight() -> bool:
        now = datetime.now(zone)
        return FIRST_OF_THE_DAY <= now.time() < LAST_OF_THE_DAY

    wait_until(is_far_from_midnight, "the day has begun", patience_s=120)


@pytest.fixture(autouse=True)
def forgotten_refusals() -> None:
    """Let no test count on with what another one was refused."""
    floods.forget()


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> Iterator[None]:
    """Let Django's flush after a transactional test empty the tables that keep their rows.

    And have it give the ids anew: a ledger with fewer rows than ids has lost some. What migrations
    have written stays or is written again here; each app would look for its own for much longer.
    """
    operations = type(connections["default"].ops)
    flush = operations.sql_flush

    def flush_all_but_standing(self, style, tables, **options: object) -> list[str]:
        tables = [each for each in tables if each not in _STANDING]
        statements = flush(self, style, tables, **options | {"reset_sequences": True})
        return [*dropping(self.connection), *statements, *creating(self.connection)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", flush_all_but_standing)
        patch.setattr(flush_command, "emit_post_migrate_signal", _write_head)
        yield


def _write_head(_verbosity: int, _interactive: bool, db: str, **_details: object) -> None:
    editor = SimpleNamespace(connection=connections[db])
    import_module("accounts.migrations.0012_audit").add_head(apps, editor)


@pytest.fixture(autouse=True, scope="session")
def limits_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what agents may do in a minute in a file of this process."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("limits") / "limits.sqlite3"
        patch.setattr(settings, "LIMITS_FILE", path)
        yield path


@pytest.fixture(autouse=True)
def forgotten_counts(limits_file: Path) -> None:
    """Let no test meet the limit that another one has used up."""
    limits_file.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def forgotten_language() -> None:
    """Let no test speak the language that the page of another one was in."""
    translation.deactivate()


# First the same pages without a window around them, with three fifths of the work.
BROWSERS = ("chromium-headless-shell", *machine.BROWSERS)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Give the browser for Playwright's ``executable_path``; without one skip, or fail with CI.

    Set CHROMIUM to choose another.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found:
        return found
    without = f"There is no browser here: install one of {', '.join(BROWSERS)}."
    if os.environ.get("CI"):
        pytest.fail(without)
    pytest.skip(without)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that all processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def empty_database(run_folder: Path) -> Path:
    """Give the folder of a database with its tables, to be copied: making them takes seconds."""

    def make(folder: Path) -> None:
        Portal(folder, "").manage("migrate", "-v0")

    return made_once(run_folder / "empty", make)
