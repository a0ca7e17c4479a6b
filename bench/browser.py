"""A dashboard in Chromium: how much it loads, how soon it is live, how smooth it stays, how large.

On a portal of its own with a real Kafka. Heap sizes are those after a garbage collection. Then how
long an agent's POST takes to be a row on the page, and beside it the answer to the POST.
"""

import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
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
            yield from dashboard(browser, web.address, rows)
            yield clicks_to_rows(browser, web.address, runs, clicks)
            browser.close()


def dashboard(browser: Browser, address: str, most_rows: int) -> Iterator[Figure]:
    """Load the dashboard with nothing cached, watch it under load, and weigh it twice."""
    page = signed_in(browser, address, "auditor", "/accounts/")
    client = page.context.new_cdp_session(page)
    loaded = bytes_loaded(client)
    page.goto(f"{address}/dashboard/")
    wait_until(lambda: page.evaluate(MARKED, "first-frame"), "a frame is applied")
    page.wait_for_load_state("networkidle")
    yield Figure(
        name="a dashboard, compressed",
        unit="kB",
        samples=(sum(loaded.sent) / 1_000,),
        beside=(Beside(name="unpacked", kind="rival", samples=(sum(loaded.unpacked) / 1_000,)),),
    )
    field = Beside(
        name="its account field there",
        kind="limit",
        samples=(float(page.evaluate(MARKED, "account-field")),),
    )
    first = float(page.evaluate(MARKED, "first-frame"))
    yield Figure(name="first frame applied after", unit="ms", samples=(first,), beside=(field,))

    few = heap_bytes(client)
    browser.start_tracing(page=page, categories=["toplevel"])
    still, _tasks, seconds = watched(page)
    _longest, at_rest = processor_times(browser)
    share_at_rest = at_rest / seconds / 10
    browser.start_tracing(page=page, categories=["toplevel"])
    steady = threading.Thread(target=publish_steadily)
    steady.start()
    frames, tasks, seconds = watched(page)
    steady.join()
    yield Figure(
        name=f"frames drawn at {A_SECOND:,} rows/s",
        unit="frames/s",
        samples=(frames,),
        target=at_least(50),
        beside=(Beside(name="while nothing is posted", kind="limit", samples=(still,)),),
    )
    longest, all_of_it = processor_times(browser)
    yield Figure(
        name="longest task meanwhile",
        unit="ms",
        samples=(max(tasks, default=0.0),),
        target=at_most(100),
        beside=(Beside(name="of it on the processor", kind="limit", samples=(longest,)),),
    )
    share = all_of_it / seconds / 10
    yield Figure(
        name="the page's share of a processor",
        unit="%",
        samples=(share,),
        beside=(Beside(name="while nothing is posted", kind="limit", samples=(share_at_rest,)),),
    )

    publish(deposits(most_rows - FEW_ROWS - A_SECOND * WATCHED_S, ACCOUNTS))
    wait_until_concluded(ACCOUNTS + most_rows)
    page.wait_for_timeout(5_000)
    small = Beside(
        name=f"after {FEW_ROWS:,}", kind="limit", samples=(few / 1e6,), target=at_most(1.5)
    )
    many = heap_bytes(client) / 1e6
    yield Figure(name=f"heap after {most_rows:,} rows", unit="MB", samples=(many,), beside=(small,))
    page.context.close()


def watched(page: Page) -> tuple[float, list[float], float]:
    """Watch a page for a while; give its frames a second, its long tasks, and the seconds."""
    page.evaluate("window.noted = { tasks: [], frames: 0 }")
    began = time.perf_counter()
    page.wait_for_timeout(WATCHED_S * 1_000)
    noted = page.evaluate("window.noted")
    seconds = time.perf_counter() - began
    return noted["frames"] / seconds, noted["tasks"], seconds


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
    """Give what grows with each answer."""
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
