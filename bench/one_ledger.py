"""A filled ledger and its web server, for ``bench.pages``, which says what to look at."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.pipeline import answer_with, manage, serving
from bench.visitor import Visitor, sign_in

AUDITOR = "bench"


class Ledger:
    """The ledger in ``DATA_DIR``, looked at by an auditor through the portal's web server."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def fill(self, rows: int, accounts: int) -> None:
        """Post so many rows unless it has them, and begin to serve."""
        folder = Path(os.environ["DATA_DIR"])
        filled = folder / "filled"
        folder.mkdir(parents=True, exist_ok=True)
        manage("migrate", "-v0")
        import django

        django.setup()
        from bench import filling

        if not filled.exists():
            filling.fill(rows, accounts)
            filled.touch()
        self._serve()

    def look(self, path: str, times: int) -> list[float]:
        """Open a page, each time after one more transaction; give the milliseconds of each."""
        from bench import filling

        took = []
        for _time in range(times):
            filling.post_one()
            began = time.perf_counter()
            self._visitor.get(path)
            took.append((time.perf_counter() - began) * 1_000)
        return took

    def hammer(self, path: str, seconds: float, clients: int) -> float:
        """Open a page again and again from several browsers; give the answers a second."""
        counts: list[int] = []
        began = time.perf_counter()
        browsers = [Visitor(self._address, self._key) for _client in range(clients)]
        threads = [
            threading.Thread(target=_go_on, args=(each, path, began + seconds, counts.append))
            for each in browsers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)

    def _serve(self) -> None:
        from accounts.models import Agent, Role

        Agent.objects.get_or_create(username=AUDITOR, defaults={"role": Role.AUDITOR})
        self._address = self._stack.enter_context(serving()).address
        self._key = sign_in(AUDITOR)
        self._visitor = Visitor(self._address, self._key)


def _go_on(visitor: Visitor, path: str, until: float, note: Callable[[int], Any]) -> None:
    count = 0
    while time.perf_counter() < until:
        visitor.get(path)
        count += 1
    visitor.close()
    note(count)


def main() -> None:
    """Do what is asked until nothing is asked any more."""
    with ExitStack() as stack:
        answer_with(Ledger(stack))


if __name__ == "__main__":
    main()
