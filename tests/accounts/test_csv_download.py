"""Files that are made while they are sent."""

import asyncio
import threading
from collections.abc import Iterator

from asgiref.sync import ThreadSensitiveContext

from accounts.models import Agent
from accounts.views.csv_download import Rows, csv_download

PARTS = 5


class Made:
    """Counts the parts that are being made at once."""

    def __init__(self, waits_s: float) -> None:
        self._waits_s = waits_s
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self.meets = threading.Barrier(2)

    def parts(self) -> Iterator[Rows]:
        for number in range(PARTS):
            with self._lock:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                self.meets.wait(self._waits_s)
            except threading.BrokenBarrierError:
                # Nobody else came: nobody is made beside it.
                self.meets.reset()
            with self._lock:
                self.at_once -= 1
            yield [[str(number)]]


async def read(made: Made, by: Agent) -> str:
    # As each request has it: a thread of its own.
    async with ThreadSensitiveContext():
        response = csv_download("a.csv", ["number"], made.parts(), by=by)
        return b"".join([part async for part in response]).decode()


async def test_an_agents_files_are_made_part_by_part_and_anothers_beside_them():
    own, anothers = Made(waits_s=0.02), Made(waits_s=10)
    first, second = Agent(pk=1), Agent(pk=2)
    whole = "number\n" + "".join(f"{number}\n" for number in range(PARTS))

    assert await asyncio.gather(*(read(own, first) for _ in range(3))) == [whole] * 3
    assert await asyncio.gather(read(anothers, first), read(anothers, second)) == [whole] * 2

    assert own.most_at_once == 1
    assert anothers.most_at_once == 2
