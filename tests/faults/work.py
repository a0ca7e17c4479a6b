"""What a bank under test is given to do."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from accounts.events import Event
from tests.builders import submitted, withdrawn
from tests.faults.bank import ACCOUNTS
from tests.faults.seeds import Chances

_BREATH_S = 0.05


def movements(chances: Chances, count: int, accounts: Sequence[str] = ACCOUNTS[:4]) -> list[Event]:
    """Give deposits and withdrawals, some of which go too far."""
    makers = (submitted, withdrawn)
    return [
        chances.choice(makers)(chances.randint(1, 500), account=chances.choice(accounts))
        for _ in range(count)
    ]


@contextmanager
def again_and_again(work: Callable[[], object]) -> Iterator[None]:
    """Do ``work`` in a thread of its own, with a breath between, for as long as this lasts."""
    is_over = threading.Event()

    def do() -> None:
        while not is_over.wait(_BREATH_S):
            work()

    thread = threading.Thread(target=do)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
