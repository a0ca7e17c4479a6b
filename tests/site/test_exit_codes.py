"""How processes end: 0 when asked to, 75 when the same may succeed later, 78 when it cannot."""

import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from bankportal.process import in_plain_words, passes
from tests.databases import SERVER_URL, ask_server, copy_database, database_of, only_on
from tests.processes import wait_until
from tests.site.conftest import clean_environment
from tests.site.test_production import under

TELL = "import sys; print('The disk is full.'); sys.exit(75)"


def test_what_cannot_go_on_for_now_is_started_again_each_time_later(supervise):
    supervisor = supervise({"name": "one", "code": TELL})

    supervisor.wait_for("in 2 s.")

    portal = [line for line in supervisor.said.splitlines() if line.startswith("portal: ")]
    assert portal == [
        f"portal: one cannot go on for now, as it says above; starting it again in {seconds} s."
        for seconds in (1, 2)
    ]


def test_a_full_disk_is_said_in_a_line_with_75(tmp_path):
    script = (
        "import errno, os\n"
        "from bankportal.process import run_process\n"
        "def main():\n"
        "    with open('/dev/full', 'w') as file: file.write('x')\n"
        "run_process(main)"
    )

    done = under(tmp_path, "-c", script)

    assert done.returncode == 75
    assert done.stderr == (
        "No space left on device. Free some space on the disk that holds DATA_DIR.\n"
    )


def test_what_a_terminal_cannot_show_ends_nothing(tmp_path):
    script = (
        "from bankportal.process import run_process\n"
        "run_process(lambda: print('Camille Lef\\u00e8vre \\u2026'))"
    )

    done = under(tmp_path, "-c", script, PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stdout) == (0, "Camille Lef\\xe8vre \\u2026\n")


def test_the_file_that_finds_no_space_is_named_where_it_is_known():
    error = OSError(28, "No space left on device", "/data/address.txt")

    assert in_plain_words(error).startswith("/data/address.txt: No space left on device. Free ")
    assert passes(error)


@only_on("sqlite", "PostgreSQL has no lock on all of it")
def test_a_database_that_stays_locked_is_said_in_a_line_with_75(empty_database, tmp_path):
    copy_database(empty_database, tmp_path)
    with closing(sqlite3.connect(tmp_path / "bankportal.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        done = under(tmp_path, "-m", "bankportal.prepare")

        other.execute("ROLLBACK")
    assert done.returncode == 75, done.stderr
    assert "The database cannot be used: database is locked. Another program" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "url",
    ["postgres://bankportal@127.0.0.1:9/bankportal", "postgres:///bankportal?host=/nowhere"],
)
def test_a_postgresql_that_is_away_is_said_in_a_line_with_75(tmp_path, url):
    done = under(tmp_path, "manage.py", "migrate", DATABASE_URL=url)

    assert done.returncode == 75, done.stderr
    assert done.stderr.endswith(
        "See that PostgreSQL runs and takes writes, and DATABASE_URL names it.\n"
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def crowded() -> Iterator[str]:
    """Give the address of a database that a role of its own may enter, but for limits."""
    name = f"crowded_{uuid4().hex}"
    ask_server(f"CREATE ROLE {name} LOGIN")
    ask_server(f"CREATE DATABASE {name} OWNER {name}")
    yield urlsplit(SERVER_URL)._replace(path=f"/{name}").geturl().replace("postgres:", f"{name}:")
    ask_server(f"DROP DATABASE {name} WITH (FORCE)")
    ask_server(f"DROP ROLE {name}")


@only_on("postgresql", "a file takes any number")
@pytest.mark.parametrize("whose", ["ROLE", "DATABASE"])
def test_a_limit_of_connections_that_is_reached_is_said_in_a_line_with_75(tmp_path, crowded, whose):
    """Red where the name beside it is taken for one that is wrong: that ends with 78."""
    name = urlsplit(crowded).path.lstrip("/")
    ask_server(f"ALTER {whose} {name} CONNECTION LIMIT 1")

    with psycopg.connect(crowded) as only_one:
        done = under(tmp_path, "manage.py", "migrate", DATABASE_URL=crowded)
        assert only_one.execute("SELECT current_user").fetchone() == (name,)

    assert done.returncode == 75, done.stderr
    assert f'too many connections for {whose.lower()} "{name}"' in done.stderr
    assert done.stderr.endswith(
        "Wait, or raise max_connections or the CONNECTION LIMIT that it names.\n"
    )
    assert len(done.stderr.splitlines()) == 1
    assert under(tmp_path, "manage.py", "showmigrations", DATABASE_URL=crowded).returncode == 0


@only_on("postgresql", "a file has no roles")
@pytest.mark.parametrize("named", ["role", "database"])
def test_a_role_or_database_that_is_not_there_is_said_in_a_line_with_78(tmp_path, named):
    address = urlsplit(SERVER_URL)._replace(path="/nobodys" if named == "database" else "/postgres")
    url = address.geturl().replace("postgres:", "nobody:" if named == "role" else "postgres:")

    done = under(tmp_path, "manage.py", "migrate", DATABASE_URL=url)

    assert done.returncode == 78, done.stderr
    assert "Correct DATABASE_URL, or what PostgreSQL allows." in done.stderr


def test_a_database_that_is_none_is_said_in_a_line_with_78(tmp_path):
    (tmp_path / "bankportal.sqlite3").write_text("This is a shopping list." * 100)

    done = under(tmp_path, "manage.py", "migrate")

    assert done.returncode == 78
    assert "restore it from a backup" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["run_consumer", "run_relay", "run_demo_trickle"])
def test_asked_to_stop_a_process_ends_with_0(run, empty_database, tmp_path, command):
    copy_database(empty_database, tmp_path)
    database = database_of(tmp_path)
    environment = clean_environment() | {"DATA_DIR": str(tmp_path), "DATABASE_URL": database.url}
    process = run([sys.executable, "manage.py", command], environment=environment)
    wait_until(lambda: takes_sigterm(process.process.pid), "it listens")

    process.signal(signal.SIGTERM)

    assert process.ended() == 0
    assert "Traceback" not in process.said
    database.remove()


def takes_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_what_is_written_to_data_dir_is_for_its_owner_alone(run, tmp_path):
    place = tmp_path / "data"
    settings = {"DATA_DIR": str(place), "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    portal = run(
        ["/bin/sh", "-c", 'umask 022; exec "$@"', "sh", sys.executable, "-m", "bankportal"],
        environment=clean_environment() | settings,
    )

    wait_until(lambda: takes_sigterm(portal.process.pid), "it watches its processes")
    portal.signal(signal.SIGTERM)

    assert portal.ended() == 0
    written = [place, *place.rglob("*")]
    names = {path.name for path in written}
    assert {"bankportal.sqlite3", "address.txt", "run.lock", "secret-key.txt"} <= names
    assert [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_what_is_collected_may_be_served_by_somebody_else(tmp_path):
    code = (
        "import os, django; os.umask(0o077); django.setup()\n"
        "from pathlib import Path\n"
        "from django.conf import settings\n"
        "settings.STATIC_ROOT = Path(os.environ['DATA_DIR'], 's')\n"
        "from bankportal.prepare import bring_static_files_up_to_date\n"
        "bring_static_files_up_to_date()"
    )

    under(tmp_path, "-c", code)

    written = [tmp_path / "s", *(tmp_path / "s").rglob("*")]
    served = [path for path in written if path.name not in {".lock", "collected.json"}]
    assert any(path.suffix == ".gz" for path in served)
    assert [path for path in served if not path.stat().st_mode & stat.S_IROTH] == []
