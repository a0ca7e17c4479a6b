"""A thousand open dashboards on one web process, told of a transaction four times a second.

The dashboards are sockets in processes of their own, subscribed as an auditor's page is, with its
filter and panels. Of a transaction each is told by up to two frames, the row and the figures that
it has changed. Each transaction goes through a real Kafka and consumer; the time runs from
before it is published until its row has come, over all sockets. The limit is Daphne alone, which
sends as many frames of the same sizes to as many sockets and does nothing else.

What is read for the sockets is read in threads of the web process, and what they are told is told
by its first one, so that the processor's time of each is known.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil

from bench.figure import Beside, Figure, at_most, percentile
from bench.pipeline import (
    Helper,
    Web,
    deposits,
    helper,
    openings,
    publish,
    running,
    serving,
    temporary_portal,
    wait_until_concluded,
)
from bench.visitor import sign_in

if TYPE_CHECKING:
    from accounts.events import Event

ACCOUNTS, ROWS = 1_000, 10_000
FRAMES_A_SECOND = 4
SESSIONS = 100
FEW_FILTERS, FILTERS = 20, 200
PANELS = ("totals", "balance", "heat", "bars", "rejected", "largest", "delay", "rate", "period")
BARE = (sys.executable, "-m", "daphne", "--verbosity", "0", "--fd", "{fd}", "--ping-interval")
BARE_WORDS = (*BARE, "20", "bench.bare_sockets:application")
Publish = Callable[["Event"], None]
# Of some of the sockets, for so many seconds, with the number of all these.
Watch = Callable[[Sequence[Helper], int, int], "Window"]


@dataclass
class Window:
    """What one watched stretch of time gave."""

    delays_ms: list[float]
    lost: int
    frames: int
    bytes: int
    telling_s: float
    reading_s: float
    seconds: float

    @property
    def p99_ms(self) -> float:
        return percentile(self.delays_ms, 99)

    @property
    def cores(self) -> float:
        """What the web process used of a processor, on average."""
        return (self.telling_s + self.reading_s) / self.seconds


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give delay, loss, memory and processor's time, and what filters add to it."""
    sockets, seconds, runs = (250, 2, 2) if quick else (1_000, 6, 3)
    _raise_file_limit(3 * sockets)
    with (
        temporary_portal(),
        running("run_consumer"),
        serving() as web,
        serving(*BARE_WORDS) as bare,
    ):
        keys = _furnish()
        # A fifth stays for the last comparison.
        sizes = (sockets // 5, sockets * 2 // 5, sockets - sockets // 5 - sockets * 2 // 5)
        with _publishing() as publish_one, ExitStack() as stack:
            bare_crowd = [stack.enter_context(helper("bench.many_sockets")) for _size in sizes]
            bare_room = _open(bare_crowd, sizes, bare, keys, path="/")
            crowd = [stack.enter_context(helper("bench.many_sockets")) for _size in sizes]
            room = _open(crowd, sizes, web, keys, path="/ws/live/")
            watch = partial(_watch_portal, web, publish_one)
            found: list[tuple[Window, Window]] = []
            for _run in range(runs):
                ours = watch(crowd, seconds, sockets)
                found.append((ours, _watch_bare(bare, bare_crowd, seconds, sockets, ours)))
            yield from _delivery(sockets, found)
            yield from _load(sockets, found)
            yield _memory(sockets, room, bare_room)
            yield from _filters(watch, crowd, sizes, seconds, runs)


def _delivery(sockets: int, found: Sequence[tuple[Window, Window]]) -> Iterator[Figure]:
    ours, bare = zip(*found, strict=True)
    yield Figure(
        name=f"{sockets:,} dashboards, transaction to row, 99 %",
        unit="ms",
        samples=tuple(each.p99_ms for each in ours),
        target=at_most(500),
        beside=(
            Beside(
                name="Daphne alone, the same frames",
                kind="limit",
                samples=tuple(each.p99_ms for each in bare),
            ),
        ),
    )
    yield Figure(
        name="rows that did not come",
        unit="rows",
        samples=tuple(float(each.lost) for each in ours),
        target=at_most(0),
    )
    yield Figure(
        name="processor's time of a frame",
        unit="µs",
        samples=tuple(_micros_a_frame(each) for each in ours),
        beside=(
            Beside(
                name="Daphne alone, the same frames",
                kind="limit",
                samples=tuple(_micros_a_frame(each) for each in bare),
            ),
        ),
    )


def _micros_a_frame(window: Window) -> float:
    return window.cores * window.seconds / window.frames * 1e6


def _load(sockets: int, found: Sequence[tuple[Window, Window]]) -> Iterator[Figure]:
    """Give what machines and networks are planned by: c₄ and b of docs/production.md."""
    ours, bare = zip(*found, strict=True)
    yield Figure(
        name=f"processor of {sockets:,} dashboards that change all the time",
        unit="cores",
        samples=tuple(each.cores for each in ours),
        beside=(
            Beside(
                name="Daphne alone, the same frames",
                kind="limit",
                samples=tuple(each.cores for each in bare),
            ),
        ),
    )
    yield Figure(
        name="frames to each of them",
        unit="frames/s",
        samples=tuple(each.frames / each.seconds / sockets for each in ours),
    )
    yield Figure(
        name="content of these frames",
        unit="kB/s",
        samples=tuple(each.bytes / each.seconds / sockets / 1e3 for each in ours),
    )


def _memory(sockets: int, room: tuple[int, int], bare_room: tuple[int, int]) -> Figure:
    ours, bare = ((after - before) / sockets / 1e3 for before, after in (room, bare_room))
    return Figure(
        name="memory of a socket",
        unit="kB",
        samples=(ours,),
        beside=(Beside(name="Daphne alone", kind="limit", samples=(bare,)),),
    )


def _filters(
    watch: Watch, crowd: Sequence[Helper], sizes: Sequence[int], seconds: int, runs: int
) -> Iterator[Figure]:
    """Compare the reading for one filter, for several, and for as many and a fifth of the sockets.

    Few leave the processor room, so that sockets could add to it; many take all of it.
    """
    sockets, few = sum(sizes), sizes[0]
    counts = (FEW_FILTERS, min(FILTERS, few))

    def watched(members: Sequence[Helper], of: int, count: int) -> list[Window]:
        for each, size in zip(members, sizes, strict=False):
            # With one panel, since reading all of them for many filters takes longer than we watch.
            wanted = [_wanted(n % count, panels=PANELS[:1]) for n in range(size)]
            each.ask("subscribe", wanted=wanted)
        return [watch(members, seconds, of) for _run in range(runs)]

    one, *others = (watched(crowd, sockets, count) for count in (1, *counts))
    for members in crowd[1:]:
        members.close()
    for count, many in zip(counts, others, strict=True):
        fewer = watched(crowd[:1], few, count)
        yield Figure(
            name=f"reading for {count} filters on {sockets:,} sockets, of a second",
            unit="ms",
            samples=_reading(many),
            beside=(
                Beside(
                    name=f"for {count} filters on {few} sockets",
                    kind="limit",
                    samples=_reading(fewer),
                    target=at_most(1.25),
                ),
                Beside(
                    name=f"for one filter on {sockets:,} sockets",
                    kind="limit",
                    samples=_reading(one),
                ),
            ),
        )
        yield Figure(
            name=f"{sockets:,} dashboards of {count} filters, transaction to row, 99 %",
            unit="ms",
            samples=tuple(each.p99_ms for each in many),
            beside=(
                Beside(
                    name="of one filter", kind="limit", samples=tuple(each.p99_ms for each in one)
                ),
            ),
        )
        yield Figure(
            name=f"rows that did not come to {count} filters",
            unit="rows",
            samples=tuple(float(each.lost) for each in many),
            target=at_most(0),
        )


def _reading(windows: Sequence[Window]) -> tuple[float, ...]:
    return tuple(each.reading_s / each.seconds * 1e3 for each in windows)


def _watch_portal(
    web: Web, publish_one: Publish, crowd: Sequence[Helper], seconds: int, sockets: int
) -> Window:
    sent: dict[str, float] = {}

    def tell() -> None:
        event = next(deposits(1, ACCOUNTS))
        sent[str(event.transaction_id)] = time.monotonic()
        publish_one(event)

    return _watch(web, crowd, seconds, sockets, sent, tell)


@contextmanager
def _publishing() -> Iterator[Publish]:
    """Give what publishes an event and waits until Kafka has it, as the relay's producer does.

    It has published before: a new one asks again after half a second where the broker's
    connection was not up at once, and a relay keeps its own for as long as it lives.
    """
    from django.conf import settings

    from accounts.events import encode
    from streaming.endpoint import required_endpoint
    from streaming.kafka.producer import Producer

    producer = Producer(required_endpoint())

    def publish_one(event: "Event") -> None:
        producer.publish(settings.KAFKA_TOPIC, *encode(event), lambda _result: None)
        if producer.flush(30):
            raise SystemExit("The broker did not take a message.")

    publish_one(next(deposits(1, ACCOUNTS)))
    try:
        yield publish_one
    finally:
        producer.close()


def _watch_bare(
    bare: Web, crowd: Sequence[Helper], seconds: int, sockets: int, ours: Window
) -> Window:
    """Let Daphne send what ``ours`` took: as many frames a time, and as many bytes."""
    place = urlsplit(bare.address)
    connection = HTTPConnection(place.hostname or "", place.port)
    sent: dict[str, float] = {}
    times = seconds * FRAMES_A_SECOND * sockets
    others = max(0, round(ours.frames / times) - 1)
    size = ours.bytes // times // (others + 1)

    def tell() -> None:
        identifier = f"row {len(sent)}"
        row = {"type": "entries", "entries": [{"transaction_id": identifier}]}
        frames = [
            json.dumps(row).ljust(size),
            *[json.dumps({"type": "figures"}).ljust(size)] * others,
        ]
        sent[identifier] = time.monotonic()
        connection.request("POST", "/", json.dumps(frames))
        connection.getresponse().read()

    try:
        return _watch(bare, crowd, seconds, sockets, sent, tell)
    finally:
        connection.close()


def _watch(  # noqa: PLR0913, PLR0917 - two kinds of server, watched alike
    web: Web,
    crowd: Sequence[Helper],
    seconds: int,
    sockets: int,
    sent: dict[str, float],
    tell: Any,
) -> Window:
    for members in crowd:
        members.ask("watch")
    began, before = time.monotonic(), _processor_times(web)
    for number in range(seconds * FRAMES_A_SECOND):
        tell()
        time.sleep(max(0, began + (number + 1) / FRAMES_A_SECOND - time.monotonic()))
    took = time.monotonic() - began
    after = _processor_times(web)
    expected = len(sent) * sockets
    reports: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while True:
        reports = [members.ask("report") for members in crowd]
        delays = [
            (arrival - sent[identifier]) * 1e3
            for report in reports
            for identifier, arrivals in report["arrivals"].items()
            if identifier in sent
            for arrival in arrivals
        ]
        if len(delays) >= expected or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if gone := sum(report["lost_sockets"] for report in reports):
        raise SystemExit(f"{gone} sockets were closed.")
    telling, reading = (late - early for early, late in zip(before, after, strict=True))
    return Window(
        delays_ms=delays,
        lost=expected - len(delays),
        frames=sum(report["frames"] for report in reports),
        bytes=sum(report["bytes"] for report in reports),
        telling_s=telling,
        reading_s=reading,
        seconds=took,
    )


def _processor_times(web: Web) -> tuple[float, float]:
    """Give the seconds of the process's first thread, and those of all others."""
    first = others = 0.0
    for thread in psutil.Process(web.pid).threads():
        used = thread.user_time + thread.system_time
        if thread.id == web.pid:
            first = used
        else:
            others += used
    return first, others


def _furnish() -> list[str]:
    """Open accounts, post rows, and sign auditors in; give their sessions."""
    from accounts.models import Account, Agent, Branch, Role

    branch = Branch.objects.create(code="bench", name="Bench")
    Account.objects.bulk_create(Account(number=f"B{n}", branch=branch) for n in range(ACCOUNTS))
    publish(openings(ACCOUNTS))
    publish(deposits(ROWS, ACCOUNTS))
    Agent.objects.bulk_create(
        Agent(username=f"auditor{n}", role=Role.AUDITOR, password="!")  # noqa: S106
        for n in range(SESSIONS)
    )
    keys = [sign_in(f"auditor{n}") for n in range(SESSIONS)]
    wait_until_concluded(ACCOUNTS + ROWS)
    return keys


def _wanted(number: int, panels: Sequence[str] = PANELS) -> dict[str, Any]:
    """Give a subscription: each number's has another filter, and all let today's rows through."""
    today = datetime.now(UTC).date()
    days = {"from": str(today - timedelta(days=number + 2)), "to": str(today + timedelta(days=2))}
    return {
        "filter": {"range": "dates", **days},
        "panels": [{"name": name} for name in panels],
    }


def _open(
    crowd: Sequence[Helper], sizes: Sequence[int], web: Web, keys: Sequence[str], *, path: str
) -> tuple[int, int]:
    """Open all sockets; give the memory of the server before and after."""
    before = _memory_of(web)
    for members, size in zip(crowd, sizes, strict=True):
        asked = [
            {"cookie": f"sessionid={keys[n % len(keys)]}", "subscribe": _wanted(0)}
            for n in range(size)
        ]
        members.ask("open", address=web.address, path=path, members=asked)
    return before, _memory_of(web)


def _memory_of(web: Web) -> int:
    whole = psutil.Process(web.pid).memory_full_info()
    return int(getattr(whole, "pss", 0) or whole.rss)


def _raise_file_limit(wanted: int) -> None:
    """Let this process and those it starts open as many files as that, or say how to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise SystemExit(f"{wanted:,} open files are needed, and {hard:,} allowed: ulimit -Hn")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
