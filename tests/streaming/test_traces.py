"""One id leads through the logs of web, relay and consumer, and no secret is in any of them."""

import json
import re
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode, urlsplit

import pytest
from confluent_kafka import Consumer, TopicPartition

from accounts.events import encode
from accounts.identifiers import new_transaction_id
from streaming.kafka.admin import create_topic
from tests.accounts.second_factors import App
from tests.builders import opened
from tests.processes import Portal, wait_until
from tests.streaming.test_posting_end_to_end import Bank

SERVE = "import sys; sys.argv[1:] = sys.argv[2:3]; from bankportal.web import main; main()"
PASSWORD, WRONG_PASSWORD = "marked-password-1f6c", "marked-mistake-9a02"
HOLDER, REFERENCE = "Marked Holder", "marked reference"
PEOPLE = f"""
from accounts.models import Account, Agent, Branch
branch = Branch.objects.create(code="lyon", name="Lyon")
Account.objects.create(number="C100", holder="{HOLDER}", branch=branch)
for role in ("teller", "supervisor"):
    agent = Agent(username=role, role=role, branch=branch)
    agent.set_password("{PASSWORD}")
    agent.save()
"""


class Browser:
    """A visitor with cookies, on a connection of its own for each request."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address).netloc
        self.cookies: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.page = ""

    def ask(self, method: str, path: str, **fields: str) -> HTTPResponse:
        connection = HTTPConnection(self._address, timeout=30)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, urlencode(fields), headers)
        answer = connection.getresponse()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.page = answer.read().decode("utf-8")
        self.tokens |= set(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', self.page))
        connection.close()
        return answer

    def send(self, path: str, **fields: str) -> HTTPResponse:
        """Send a form, with the token that its page has."""
        return self.ask("POST", path, csrfmiddlewaretoken=self.cookies["csrftoken"], **fields)


@pytest.fixture
def bank(kafka, portal_on):
    bank = portal_on(kafka.bootstrap_servers, Bank)
    bank.environment["LOG_FORMAT"] = "json"
    for topic in (bank.topic, f"{bank.topic}.dead"):
        create_topic(kafka, topic, partition_count=3)
    bank.publish(encode(opened()))
    bank.python(PEOPLE)
    bank.start("run_consumer")
    bank.start("run_relay")
    return bank


def lines_of(bank: Portal, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in bank.output_of(name).splitlines()]


def lines_about(bank: Portal, name: str, trace_id: str) -> list[dict[str, object]]:
    return [line for line in lines_of(bank, name) if line.get("trace_id") == trace_id]


def headers_in(bank: Portal, topic: str) -> list[dict[str, bytes]]:
    """Give the headers of all messages of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": bank.environment["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "a test",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(3)])
    found, ends = [], 0
    while ends < 3:
        message = consumer.poll(20)
        assert message is not None
        if message.error():
            ends += 1
        else:
            found.append(dict(message.headers() or []))
    consumer.close()
    return found


def set_up_factors(browser: Browser) -> tuple[App, list[str]]:
    """Set up an app and recovery codes; give what only the agent is to know."""
    browser.ask("GET", "/auth/factors/app/")
    found = re.search(r"secret=([A-Z2-7]{16,})|<code[^>]*>([A-Z2-7 ]{16,})</code>", browser.page)
    assert found, browser.page
    app = App((found[1] or found[2]).replace(" ", ""))
    assert browser.send("/auth/factors/app/", code=app.code()).status == 302
    browser.ask("GET", "/auth/factors/codes/")
    codes = re.findall(r"<code[^>]*>(\w{8,})</code>|<li[^>]*>(\w{8,})</li>", browser.page)
    assert codes, browser.page
    return app, ["".join(each) for each in codes]


def test_one_id_leads_through_every_log_and_no_secret_is_in_any(bank):
    wait = wait_until
    browser = Browser(bank.serve("-c", SERVE))
    wait(bank.answers, "the web server serves")
    browser.ask("GET", "/auth/login/")
    browser.send("/auth/login/", login="teller", password=WRONG_PASSWORD)
    browser.send("/auth/login/", login="teller", password=PASSWORD)
    assert "sessionid" in browser.cookies
    form = {"account": "C100", "kind": "deposit", "amount": "25.00", "reference": REFERENCE}

    given = new_transaction_id()
    submitted = browser.send("/transactions/new/", transaction_id=str(given), **form)
    asked = urlencode({"account": HOLDER})
    browser.ask("GET", f"/accounts/?{asked}")
    browser.ask("GET", f"/accounts/search/?{urlencode({'q': REFERENCE})}")
    browser.ask("GET", f"/transactions/?account=C100&from=2026-01-02&{urlencode({'x': REFERENCE})}")
    browser.ask("GET", "/transactions/export.csv?account=C100&from=2026-01-02")
    browser.ask("GET", f"/accounts/C404/?{asked}")
    browser.ask("GET", f"/nowhere/?{asked}")
    browser.ask("GET", f"/admin/?{asked}")
    browser.ask("POST", f"/transactions/new/?{asked}", csrfmiddlewaretoken="x" * 32, **form)
    browser.send("/transactions/new/", transaction_id=str(given), **form | {"amount": "26.00"})
    browser.send("/transactions/new/", transaction_id="none", **form)
    app, recovery = set_up_factors(browser)
    somebody = Browser(bank.url)
    somebody.ask("GET", "/auth/login/")
    for _ in range(6):
        somebody.send("/auth/login/", login=PASSWORD, password=WRONG_PASSWORD)
    wait(lambda: bank.balance("C100") == 2_500, "it is posted")

    assert submitted.status == 302
    trace_id = submitted.headers["X-Request-ID"]
    [access] = lines_about(bank, "web", trace_id)
    assert access | {"time": "", "duration_ms": 0.0} == {
        "time": "",
        "level": "INFO",
        "logger": "bankportal.access",
        "message": "POST /transactions/new/ 302",
        "trace_id": trace_id,
        "method": "POST",
        "path": "/transactions/new/",
        "agent": 1,
        "status": 302,
        "duration_ms": 0.0,
    }
    for process, words in (("run_relay", "Published to"), ("run_consumer", "Posted from")):
        wait(lambda p=process: lines_about(bank, p, trace_id), f"{process} has said so")
        [line] = lines_about(bank, process, trace_id)
        assert str(line["message"]).startswith(words)
    carried = [each["traceparent"].decode() for each in headers_in(bank, bank.topic) if each]
    assert [each.split("-")[1] for each in carried] == [trace_id]
    patterns = {line["path"] for line in lines_of(bank, "web") if line["logger"].endswith("access")}
    assert {"/accounts/", "/accounts/<number>/", "/transactions/export.csv", None} <= patterns
    failures = [str(line["message"]) for line in lines_of(bank, "web") if "AXES" in str(line)]
    assert any("agent 1 at 127.0.0.1" in each for each in failures)
    assert any("Locking out an unknown name at 127.0.0.1" in each for each in failures)
    logs = "".join(bank.output_of(name) for name in ("web", "run_relay", "run_consumer"))
    secrets = {PASSWORD, WRONG_PASSWORD, HOLDER, REFERENCE, "marked", "Marked", "2026-01-02"}
    secrets |= {urlencode({"x": HOLDER})[2:], urlencode({"x": REFERENCE})[2:]}
    secrets |= {browser.cookies["sessionid"], browser.cookies["csrftoken"], *browser.tokens}
    secrets |= {str(given), "25.00", "x" * 32, app.secret, app.secret.lower(), *recovery}
    assert len(browser.tokens) > 2
    assert [each for each in secrets if each in logs] == []


def test_a_dead_letter_is_found_by_its_trace_and_its_copy_keeps_its_headers(bank):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    traceparent = f"00-{trace_id}-00f067aa0ba902b7-01"
    headers = {"traceparent": traceparent, "origin": "elsewhere"}
    ours = {"topic": "not what we say", "omitted": "nor this"}

    bank.publish((b"C100", b"no event"), headers=headers | ours)
    bank.publish((b"C100", b"none either"), headers=headers | {"large": "x" * 20_000})

    wait_until(lambda: lines_about(bank, "run_consumer", trace_id), "the consumer has said so")
    line, *_other = lines_about(bank, "run_consumer", trace_id)
    assert str(line["message"]).startswith("Set aside as a dead letter (not_understood) from")
    wait_until(
        lambda: bank.value("SELECT count(*) FROM accounts_outbox WHERE is_done") == 2,
        "both are copied",
    )
    small, large = sorted(headers_in(bank, f"{bank.topic}.dead"), key=lambda each: each["offset"])
    assert small["traceparent"].decode() == traceparent
    assert small["origin"] == b"elsewhere"
    assert small["topic"].decode() == bank.topic
    assert small.keys() - headers.keys() == large.keys()
