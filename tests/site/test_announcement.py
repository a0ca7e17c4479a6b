import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bankportal import announcement
from bankportal.announcement import Announcement, answers
from tests.processes import wait_until


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_words):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.status = 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def announced(server, missing: list[str], *, is_hopeless: bool = False) -> list[list[str]]:
    """What is announced, from when on, while ``missing`` is changed."""
    said: list[list[str]] = []
    Announcement(
        "127.0.0.1",
        server.server_port,
        missing=lambda: list(missing),
        is_hopeless=lambda: is_hopeless,
        say=lambda names: said.append(list(names)),
    ).start()
    return said


def test_it_waits_for_the_rest_and_says_that_all_is_there(server):
    missing = ["broker"]
    said = announced(server, missing)
    assert said == []

    missing.clear()

    wait_until(lambda: said, "it is announced")
    assert said == [[]]


def test_it_does_not_wait_for_ever_says_what_is_missing_and_when_nothing_is(server, monkeypatch):
    monkeypatch.setattr(announcement, "LONGEST_WAIT_S", 0.3)
    missing = ["consumer", "relay"]
    said = announced(server, missing)
    wait_until(lambda: said, "it is announced")

    missing.clear()

    wait_until(lambda: len(said) == 2, "the rest is announced")
    assert said == [["consumer", "relay"], []]


def test_it_waits_for_nothing_once_something_has_stopped_for_good(server, monkeypatch):
    monkeypatch.setattr(announcement, "LONGEST_WAIT_S", 600)

    said = announced(server, ["broker"], is_hopeless=True)

    wait_until(lambda: said, "it is announced")
    assert said == [["broker"]]


def test_the_address_is_not_held_up_for_long():
    assert announcement.LONGEST_WAIT_S <= 10


def test_the_server_is_asked_directly_past_any_proxy(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert answers("127.0.0.1", server.server_port)


def test_a_server_that_fails_or_is_not_there_does_not_answer(server):
    server.status = 503

    assert not answers("127.0.0.1", server.server_port)
    assert not answers("127.0.0.1", 9)
