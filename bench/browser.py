"""A dashboard in Chromium: how much it loads, how soon it is live, how smooth it stays, how large.

On a portal of its own with a real Kafka. Heap sizes are those after a garbage collection. Then how
long an agent's POST takes to be a row on the page, and beside it the answer to the POST.
"""

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.figure import Beside, Figure, at_least, at_most
from bench.pipeline import (
    deposits,
    launched_chromium,
    openings,
    publish,
    running,
    serving,
    temporary_portal,
    wait_until,
    wait_until_concluded,
)

if TYPE_CHECKING:
    from accounts.events import AccountOpened

ACCOUNTS, FEW_ROWS, ROWS = 1_000, 1_000, 100_000
A_SECOND = 1_000
WATCHED_S = 10
REST_S = 0.3
PASSWORD = "a password for one bench"  # noqa: S105 it opens nothing but this run

# The moments when the account field is there and when the first frame has been applied; then each
# long task, and how many frames were drawn.
NOTE = """
    window.noted = { tasks: [], frames: 0 };
    new PerformanceObserver((list) => {
        for (const task of list.getEntries()) window.noted.tasks.push(task.duration);
    }).observe({ type: "longtask", buffered: true });
    new MutationObserver((_all, observer) => {
        if (!document.querySelector("header input")) return;
        performance.mark("account-field");
        observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
    const draw = () => { window.noted.frames += 1; requestAnimationFrame(draw); };
    requestAnimationFrame(draw);
"""
MARKED = "name => performance.getEntriesByName(name)[0]?.startTime"
# Notes when each of the bench's amounts first stands in the table of newest transactions.
WATCH = """() => {
    window.seen = {};
    const table = document.querySelector("table.table--live") ?? document.body;
    const look = () => {
        for (const [found] of table.textContent.matchAll(/\\+7\\d\\d,\\d\\d/g)) {
            window.seen[found] ??= performance.timeOrigin + performance.now();
        }
    };
    const all = {childList: true, subtree: true, characterData: true};
    new MutationObserver(look).observe(table, all);
}"""
SUBMIT = """async (amount) => {
    const page = await (await fetch("/accounts/C100/")).text();
    const form = new DOMParser().parseFromString(page, "text/html")
        .querySelector("form[action='/transactions/new/']");
    const fields = new FormData(form);
    fields.set("kind", "deposit");
    fields.set("amount", amount);
    const sent = performance.timeOrigin + performance.now();
    const answer = await fetch("/transactions/new/", {method: "POST", body: fields});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return [sent, performance.timeOrigin + performance.now()];
}"""


def figures(*, quick: bool) -> Iterator[Figure]:
    """Give what one dashboard costs and how it behaves."""
    # Playwright runs an event loop in this thread, which Django takes for a server's.
    os.environ |= {
        "DEMO_PASSWORD": PASSWORD,
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
        "SECOND_FACTOR_ROLES": "none",
    }
    rows, clicks, runs = (20_000, 5, 1) if quick else (ROWS, 40, 3)
    with temporary_portal():
        furnish()
        with (
            running("run_consumer"),
            running("run_relay"),
            serving() as web,
            sync_playwright() as playwright,
        ):
            publish(openings(ACCOUNTS))
            publish(deposits(FEW_ROWS, ACCOUNTS))
            wait_until_concluded(ACCOUNTS + FEW_ROWS)
            browser = launched_chromium(playwright)
            yield from dashboard(browser, web.address, rows, runs)
            yield clicks_to_rows(browser, web.address, runs, clicks)
            browser.close()


def dashboard(browser: Browser, address: str, most_rows: int, runs: int) -> Iterator[Figure]:
    """Load the dashboard with nothing cached, watch it under load, and weigh it twice."""
    page = signed_in(browser, address, "auditor", "/accounts/")
    client = page.context.new_cdp_session(page)
    loaded = bytes_loaded(client)
    yield from _loading([load(page, loaded, address) for _run in range(runs)])

    few = heap_bytes(client)
    pairs = [(watched(browser, page), watched_under_load(browser, page)) for _run in range(runs)]
    yield from _smoothness(*zip(*pairs, strict=True))

    posted = FEW_ROWS + runs * A_SECOND * WATCHED_S
    publish(deposits(most_rows - posted, ACCOUNTS))
    wait_until_concluded(ACCOUNTS + most_rows)
    page.wait_for_timeout(5_000)
    small = Beside(
        name=f"after {FEW_ROWS:,}", kind="limit", samples=(few / 1e6,), target=at_most(1.5)
    )
    many = heap_bytes(client) / 1e6
    yield Figure(name=f"heap after {most_rows:,} rows", unit="MB", samples=(many,), beside=(small,))
    page.context.close()


class Load(NamedTuple):
    """One loading of the dashboard: its bytes, and the moments of it."""

    sent_bytes: float
    unpacked_bytes: float
    first_frame_ms: float
    account_field_ms: float


def load(page: Page, loaded: "Loaded", address: str) -> Load:
    """Load the dashboard as who has never been there, until its first frame is applied."""
    loaded.sent.clear()
    loaded.unpacked.clear()
    page.goto(f"{address}/dashboard/")
    wait_until(lambda: page.evaluate(MARKED, "first-frame"), "a frame is applied")
    page.wait_for_load_state("networkidle")
    first, field = (float(page.evaluate(MARKED, name)) for name in ("first-frame", "account-field"))
    return Load(sum(loaded.sent), sum(loaded.unpacked), first, field)


def _loading(loads: Sequence[Load]) -> Iterator[Figure]:
    unpacked = tuple(each.unpacked_bytes / 1_000 for each in loads)
    yield Figure(
        name="a dashboard, compressed",
        unit="kB",
        samples=tuple(each.sent_bytes / 1_000 for each in loads),
        beside=(Beside(name="unpacked", kind="rival", samples=unpacked),),
    )
    field = tuple(each.account_field_ms for each in loads)
    yield Figure(
        name="first frame applied after",
        unit="ms",
        samples=tuple(each.first_frame_ms for each in loads),
        beside=(Beside(name="its account field there", kind="limit", samples=field),),
    )


class Watched(NamedTuple):
    """What a page did for a while; the last two by the processor's clock."""

    frames_a_second: float
    longest_task_ms: float
    longest_task_on_processor_ms: float
    share_of_processor: float


def watched(browser: Browser, page: Page) -> Watched:
    """Watch a page for a while."""
    browser.start_tracing(page=page, categories=["toplevel"])
    page.evaluate("window.noted = { tasks: [], frames: 0 }")
    began = time.perf_counter()
    page.wait_for_timeout(WATCHED_S * 1_000)
    noted = page.evaluate("window.noted")
    seconds = time.perf_counter() - began
    longest_ms, all_ms = processor_times(browser)
    longest = max(noted["tasks"], default=0.0)
    return Watched(noted["frames"] / seconds, longest, longest_ms, all_ms / 1_000 / seconds)


def watched_under_load(browser: Browser, page: Page) -> Watched:
    """Watch a page while rows are posted."""
    steady = threading.Thread(target=publish_steadily)
    steady.start()
    try:
        return watched(browser, page)
    finally:
        steady.join()


def _smoothness(still: Sequence[Watched], busy: Sequence[Watched]) -> Iterator[Figure]:
    at_rest = tuple(each.frames_a_second for each in still)
    yield Figure(
        name=f"frames drawn at {A_SECOND:,} rows/s",
        unit="frames/s",
        samples=tuple(each.frames_a_second for each in busy),
        target=at_least(50),
        beside=(Beside(name="while nothing is posted", kind="limit", samples=at_rest),),
    )
    on_processor = tuple(each.longest_task_on_processor_ms for each in busy)
    yield Figure(
        name="longest task meanwhile",
        unit="ms",
        samples=tuple(each.longest_task_ms for each in busy),
        target=at_most(100),
        beside=(Beside(name="of it on the processor", kind="limit", samples=on_processor),),
    )
    idle = tuple(each.share_of_processor * 100 for each in still)
    yield Figure(
        name="the page's share of a processor",
        unit="%",
        samples=tuple(each.share_of_processor * 100 for each in busy),
        beside=(Beside(name="while nothing is posted", kind="limit", samples=idle),),
    )


def clicks_to_rows(browser: Browser, address: str, runs: int, clicks: int) -> Figure:
    """Submit deposits in one window while another watches its table."""
    publish([opening_of_c100()])
    teller_page = signed_in(browser, address, "teller", "/accounts/")
    watcher = signed_in(browser, address, "auditor", "/dashboard/")
    watcher.evaluate(WATCH)
    found: list[list[tuple[float, float]]] = []
    for run in range(runs):
        numbers = range(run * clicks, (run + 1) * clicks)
        amounts = [f"7{n // 100:02},{n % 100:02}" for n in numbers]
        found.append([delays_of(teller_page, watcher, amount) for amount in amounts])
    shown, answered = (
        tuple(statistics.median(each[which] for each in run) for run in found) for which in (0, 1)
    )
    answer = Beside(name="the answer to the POST", kind="limit", samples=answered)
    return Figure(
        name="POST to row on the page, median", unit="ms", samples=shown, beside=(answer,)
    )


def opening_of_c100() -> "AccountOpened":
    """Give the event that opens the account, and file it for the teller's branch."""
    from accounts.events import AccountOpened
    from accounts.models import Account, Agent
    from bench.pipeline import common

    Account.objects.create(number="C100", branch=Agent.objects.get(username="teller").branch)
    named = common(0) | {"account": "C100"}
    return AccountOpened(**named, opening_balance_minor=0, least_balance_minor=0)


def delays_of(teller: Page, watcher: Page, amount: str) -> tuple[float, float]:
    """Submit one deposit; give the milliseconds until the row is there, and the answer."""
    sent, answered = teller.evaluate(SUBMIT, amount)
    mark = f"+{amount}"
    watcher.wait_for_function("mark => window.seen[mark]", arg=mark, polling=20)
    time.sleep(REST_S)
    return float(watcher.evaluate("mark => window.seen[mark]", mark) - sent), answered - sent


def processor_times(browser: Browser) -> tuple[float, float]:
    """End the trace; give the longest task of the page's main thread, and all of them, in ms.

    By the processor's clock: what others do on the machine counts for nothing.
    """
    events = json.loads(browser.stop_tracing())["traceEvents"]
    by_thread: dict[tuple[int, int], list[float]] = {}
    mains = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    for each in events:
        thread = (each["pid"], each["tid"])
        if thread in mains and each["name"] == "ThreadControllerImpl::RunTask" and "tdur" in each:
            by_thread.setdefault(thread, []).append(each["tdur"] / 1_000)
    busiest = max(by_thread.values(), key=sum, default=[0.0])
    return max(busiest), sum(busiest)


def furnish() -> None:
    """Make the agents of a first start."""
    from bankportal.first_start import furnish_empty_database

    furnish_empty_database()


def signed_in(browser: Browser, address: str, name: str, path: str) -> Page:
    """Give a window of its own, signed in and at ``path``."""
    page = browser.new_context(locale="fr-FR", viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(NOTE)
    page.goto(f"{address}/auth/login/?next={path}")
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"**{path}**")
    page.wait_for_load_state("networkidle")
    return page


class Loaded(NamedTuple):
    """The bytes of each answer as they came over the line, and of each part of it unpacked."""

    sent: list[float]
    unpacked: list[float]


def bytes_loaded(client: CDPSession) -> Loaded:
    """Give what grows with each answer, and let nothing be cached."""
    loaded = Loaded([], [])
    client.send("Network.enable")
    client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    client.on("Network.loadingFinished", lambda each: loaded.sent.append(each["encodedDataLength"]))
    client.on("Network.dataReceived", lambda each: loaded.unpacked.append(each["dataLength"]))
    return loaded


def heap_bytes(client: CDPSession) -> float:
    """Collect garbage, and give what the page's scripts hold."""
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = client.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize"))


def publish_steadily() -> None:
    """Publish so many a second, a tenth of a second's at a time."""
    from django.conf import settings

    from accounts.events import encode
    from streaming.endpoint import required_endpoint
    from streaming.kafka.producer import Producer

    producer = Producer(required_endpoint())
    began = time.perf_counter()
    for turn in range(WATCHED_S * 10):
        for event in deposits(A_SECOND // 10, ACCOUNTS):
            producer.publish(settings.KAFKA_TOPIC, *encode(event), lambda _result: None)
        while time.perf_counter() < began + (turn + 1) / 10:
            producer.poll(0.01)
    if producer.flush(120):
        raise SystemExit("The broker did not take all messages.")
