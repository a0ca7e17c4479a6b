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


def announced(server, is_all_there) -> list[bool]:
    said: list[bool] = []
    Announcement("127.0.0.1", server.server_port, is_all_there, said.append).start()
    return said


def test_it_waits_for_the_rest_and_says_that_all_is_there(server):
    there = threading.Event()
    said = announced(server, there.is_set)
    assert said == []

    there.set()

    wait_until(lambda: said, "it is announced")
    assert said == [True]


def test_it_does_not_wait_for_ever_and_says_what_is_not_there(server, monkeypatch):
    monkeypatch.setattr(announcement, "LONGEST_WAIT_S", 0.3)

    said = announced(server, lambda: False)

    wait_until(lambda: said, "it is announced")
    assert said == [False]


def test_the_server_is_asked_directly_past_any_proxy(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert answers("127.0.0.1", server.server_port)


def test_a_server_that_fails_or_is_not_there_does_not_answer(server):
    server.status = 503

    assert not answers("127.0.0.1", server.server_port)
    assert not answers("127.0.0.1", 9)
