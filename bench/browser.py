"""A dashboard in Chromium: how much it loads, how soon it is live, how smooth it stays, how large.

`make bench` runs it, on a portal of its own with a real Kafka; `ACCOUNTS` and `ROWS` in the
environment change its size. Heap sizes are those after a garbage collection.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.pipeline import ROOT, launched_chromium, running, temporary_portal, wait_until

ACCOUNTS = int(os.environ.get("ACCOUNTS", "1000"))
FEW_ROWS = 1_000
ROWS = int(os.environ.get("ROWS", "100000"))
A_SECOND = 1_000
WATCHED_S = 10
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


def main() -> None:
    """Print the figures."""
    # Playwright runs an event loop in this thread, which Django takes for a server's.
    os.environ |= {"DEMO_PASSWORD": PASSWORD, "DJANGO_ALLOW_ASYNC_UNSAFE": "1"}
    with temporary_portal():
        furnish()
        with running("run_consumer"), serving() as address, sync_playwright() as playwright:
            publish(openings())
            publish(deposits(FEW_ROWS))
            wait_until_posted(FEW_ROWS)
            browser = launched_chromium(playwright)
            measure(browser, address)
            browser.close()


def measure(browser: Browser, address: str) -> None:
    """Load the dashboard with nothing cached, watch it under load, and weigh it twice."""
    page = signed_in(browser, address)
    client = page.context.new_cdp_session(page)
    loaded = bytes_loaded(client)
    page.goto(f"{address}/dashboard/")
    wait_until(lambda: page.evaluate(MARKED, "first-frame"), "a frame is applied")
    page.wait_for_load_state("networkidle")
    say("transfer, compressed", f"{sum(loaded) / 1_000:.0f} kB")
    say("account field there after", f"{page.evaluate(MARKED, 'account-field'):.0f} ms")
    say("first frame applied after", f"{page.evaluate(MARKED, 'first-frame'):.0f} ms")

    rows = FEW_ROWS
    few = heap_bytes(client)
    page.evaluate("window.noted = { tasks: [], frames: 0 }")
    browser.start_tracing(page=page, categories=["toplevel"])
    began = time.perf_counter()
    steady = threading.Thread(target=publish_steadily)
    steady.start()
    page.wait_for_timeout(WATCHED_S * 1_000)
    noted = page.evaluate("window.noted")
    seconds = time.perf_counter() - began
    steady.join()
    rows += A_SECOND * WATCHED_S
    say(f"frames a second at {A_SECOND:,} rows/s", f"{noted['frames'] / seconds:.1f}")
    say("longest task", f"{max(noted['tasks'], default=0):.0f} ms")
    longest, all_of_it = processor_times(browser)
    say("of which on the processor", f"{longest:.0f} ms")
    say("page's share of a processor", f"{all_of_it / seconds / 10:.0f} %")
    say("load average", f"{os.getloadavg()[0]:.1f}")

    publish(deposits(ROWS - rows))
    wait_until_posted(ROWS)
    page.wait_for_timeout(5_000)
    many = heap_bytes(client)
    say(f"heap after {FEW_ROWS:,} rows", f"{few / 1e6:.1f} MB")
    say(f"heap after {ROWS:,} rows", f"{many / 1e6:.1f} MB")
    say("ratio", f"{many / few:.2f}")


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


def say(what: str, figure: str) -> None:
    """Print one line of the table."""
    print(f"{what:>32} {figure:>12}", flush=True)


def furnish() -> None:
    """Make the agents of a first start, and the static files that pages ask for."""
    from bankportal.first_start import furnish_empty_database
    from bankportal.prepare import bring_static_files_up_to_date

    bring_static_files_up_to_date()
    furnish_empty_database()


@contextmanager
def serving() -> Iterator[str]:
    """Keep a web server running; give its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        words = ("--fd", str(listener.fileno()), "bankportal.asgi:application")
        web = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "daphne", *words],
            cwd=ROOT,
            pass_fds=(listener.fileno(),),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            web.terminate()
            web.wait(30)


def signed_in(browser: Browser, address: str) -> Page:
    """Give a window of the auditor's, who sees the whole bank."""
    page = browser.new_context(locale="fr-FR", viewport={"width": 1440, "height": 900}).new_page()
    page.add_init_script(NOTE)
    page.goto(f"{address}/auth/login/?next=/accounts/")
    page.fill("[name=login]", "auditor")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/accounts/")
    return page


def bytes_loaded(client: CDPSession) -> list[float]:
    """Give a list that grows by the size of each answer, as it came over the line."""
    sizes: list[float] = []
    client.send("Network.enable")
    client.send("Network.setCacheDisabled", {"cacheDisabled": True})
    client.on("Network.loadingFinished", lambda each: sizes.append(each["encodedDataLength"]))
    return sizes


def heap_bytes(client: CDPSession) -> float:
    """Collect garbage, and give what the page's scripts hold."""
    client.send("HeapProfiler.collectGarbage")
    client.send("Performance.enable")
    metrics = client.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "JSHeapUsedSize"))


def openings() -> Iterator[tuple[bytes, bytes]]:
    """Give the messages that open the accounts."""
    from accounts.events import AccountOpened, encode

    for number in range(ACCOUNTS):
        yield encode(
            AccountOpened(**common(number), opening_balance_minor=100_000, least_balance_minor=0)
        )


def deposits(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Give messages that pay in, to each account in turn."""
    from accounts.events import Deposit, encode

    for number in range(count):
        yield encode(Deposit(**common(number % ACCOUNTS), amount_minor=100 + number % 900))


def common(number: int) -> dict[str, object]:
    """Give what each event has."""
    from datetime import UTC, datetime

    from accounts.identifiers import new_transaction_id

    now = datetime.now(UTC)
    return {
        "version": 1,
        "transaction_id": new_transaction_id(),
        "account": f"B{number}",
        "currency": "EUR",
        "business_date": now.date(),
        "submitted_at": now,
        "submitted_by": "bench",
        "source": "bench",
    }


def publish(messages: Iterator[tuple[bytes, bytes]]) -> None:
    """Publish as fast as Kafka takes it."""
    from django.conf import settings

    from streaming.endpoint import required_endpoint
    from streaming.kafka.producer import Producer

    producer = Producer(required_endpoint(), **{"linger.ms": 5})
    for number, (key, value) in enumerate(messages):
        producer.publish(settings.KAFKA_TOPIC, key, value, lambda _result: None)
        if number % 1_000 == 0:
            producer.poll()
    if producer.flush(120):
        raise SystemExit("The broker did not take all messages.")


def publish_steadily() -> None:
    """Publish so many a second, a tenth of a second's at a time."""
    from django.conf import settings

    from streaming.endpoint import required_endpoint
    from streaming.kafka.producer import Producer

    producer = Producer(required_endpoint())
    began = time.perf_counter()
    for turn in range(WATCHED_S * 10):
        for key, value in deposits(A_SECOND // 10):
            producer.publish(settings.KAFKA_TOPIC, key, value, lambda _result: None)
        while time.perf_counter() < began + (turn + 1) / 10:
            producer.poll(0.01)
    if producer.flush(120):
        raise SystemExit("The broker did not take all messages.")


def wait_until_posted(count: int) -> None:
    """Wait until the ledger has so many transactions."""
    from django.db.models import F, Sum

    from accounts.models import LogPosition

    posted = LogPosition.objects.all()
    wait_until(
        lambda: (posted.aggregate(all=Sum(F("posted")))["all"] or 0) >= count + ACCOUNTS,
        "all is posted",
    )


if __name__ == "__main__":
    main()
