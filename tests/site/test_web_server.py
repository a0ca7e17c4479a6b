"""What the web server takes from a client, and how long it waits for it."""

import asyncio
import os
import resource
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from types import SimpleNamespace

import pytest
from asgiref.sync import iscoroutinefunction
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from bankportal import web
from bankportal.asgi import PageHandler
from bankportal.web_server import (
    ARRIVED_WITHIN_S,
    IDLE_S,
    LARGEST_BODY,
    TAKEN_WITHIN_S,
    BoundedCommand,
    BoundedFactory,
    BoundedServer,
    PromptTransport,
)
from tests.processes import Portal, wait_until
from tests.site.test_start import on

HEAD = b"POST /transactions/new/ HTTP/1.1\r\nHost: localhost\r\n"


class Client:
    """One client of a server whose application only notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.clock = Clock()
        server = SimpleNamespace(
            protocol_connected=lambda _request: None,
            protocol_disconnected=lambda _request: None,
            proxy_forwarded_address_header=None,
            root_path="",
            server_name=None,
            log_action=lambda *_details: None,
            request_buffer_size=8192,
            create_application=lambda _request, scope: self.asked.append(scope["path"]),
        )
        factory = BoundedFactory(server)
        factory.reactor = self.clock
        address = IPv4Address("TCP", "127.0.0.1", 4711)
        self.channel = factory.buildProtocol(address)
        self.transport = StringTransport(peerAddress=address, hostAddress=address)
        self.channel.makeConnection(self.transport)

    def leave(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))

    def send(self, text: bytes) -> None:
        if not self.is_cut_off:
            self.channel.dataReceived(text)

    @property
    def is_cut_off(self) -> bool:
        return self.transport.disconnecting or self.transport.disconnected

    @property
    def answer(self) -> bytes:
        return self.transport.value()


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.leave()


def chunks(length: int) -> bytes:
    return b"%x\r\n%s\r\n" % (length, b"a" * length)


def test_a_request_that_is_named_in_the_log_says_no_address(client):
    """Daphne names each whose reader has gone before there was an answer."""
    client.send(b"GET /accounts/?account=marked HTTP/1.1\r\nHost: localhost\r\n\r\n")

    [request] = client.channel.requests
    assert client.asked == ["/accounts/"]
    assert "marked" not in repr(request)


def test_the_largest_body_is_taken(client):
    client.send(HEAD + b"Content-Length: %d\r\n\r\n" % LARGEST_BODY + b"a" * LARGEST_BODY)

    assert client.asked == ["/transactions/new/"]


def test_a_body_too_large_is_refused_by_its_length_before_it_comes(client):
    client.send(HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))

    assert client.answer.startswith(b"HTTP/1.1 413 ")
    assert client.is_cut_off
    assert not client.asked


def test_a_body_without_a_length_is_counted_as_it_comes(client):
    client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(5):
        client.send(chunks(LARGEST_BODY // 4))
    client.send(b"0\r\n\r\n")

    assert client.answer.startswith(b"HTTP/1.1 413 ")
    assert client.is_cut_off
    assert not client.asked


@pytest.mark.parametrize(
    "begun",
    [b"", HEAD, HEAD + b"X-A: b\r\n", HEAD + b"Content-Length: 99\r\n\r\n"],
    ids=["a line", "headers", "more headers", "a body"],
)
def test_a_request_dealt_out_byte_by_byte_ends_in_time(client, begun):
    client.send(begun)

    for _ in range(ARRIVED_WITHIN_S + 1):
        client.send(b"a")
        client.clock.advance(1)

    assert client.is_cut_off
    assert not client.asked


def test_one_request_has_its_time_from_its_own_first_byte(client):
    for _ in range(3):
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        client.clock.advance(ARRIVED_WITHIN_S - 1)
        client.send(b"\r\n")
        client.channel.requests[0].finish()
        client.clock.advance(IDLE_S - ARRIVED_WITHIN_S)

    assert client.asked == ["/", "/", "/"]
    assert not client.is_cut_off


def test_who_says_nothing_is_let_go(client):
    client.clock.advance(IDLE_S + 1)

    assert client.is_cut_off


def answering(client: Client, *, is_last: bool = False) -> asyncio.Task[None]:
    """Send a part of the answer to the client's request, as an application does."""
    (request,) = client.channel.requests
    server = BoundedServer.__new__(BoundedServer)
    server.connections = {request: {}}
    start = {"type": "http.response.start", "status": 200, "headers": []}
    if not request._response_started:
        request.handle_reply(start)
    part = {"type": "http.response.body", "body": b"a part", "more_body": not is_last}
    return asyncio.create_task(server.handle_reply(request, part))


async def test_a_reader_who_takes_nothing_is_sent_no_more(client):
    client.send(b"GET /export.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await answering(client)

    # The transport says so when more waits than it likes, and when all of it is gone.
    client.channel.pauseProducing()
    client.channel.pauseProducing()
    sending = answering(client)
    await asyncio.sleep(0)
    assert b"a part" in client.answer
    assert not sending.done()
    client.channel.resumeProducing()
    await sending

    client.clock.advance(TAKEN_WITHIN_S + 1)
    assert not client.is_cut_off
    await answering(client, is_last=True)


async def test_a_reader_who_goes_on_taking_nothing_is_let_go(client):
    client.send(b"GET /export.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.channel.pauseProducing()
    sending = answering(client)
    client.clock.advance(TAKEN_WITHIN_S - 1)
    client.channel.pauseProducing()
    assert not client.is_cut_off

    client.clock.advance(1)
    assert client.is_cut_off
    assert not sending.done()
    client.leave()
    await sending


def test_the_portals_own_command_runs_the_server_that_waits_for_readers():
    assert BoundedCommand().server_class is BoundedServer


def test_the_portals_own_server_is_bounded_and_takes_no_path_from_a_header(run, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        run(
            [sys.executable, "-m", "bankportal.web", str(listener.fileno())],
            environment=on(tmp_path),
            pass_fds=(listener.fileno(),),
        )
        wait_until((tmp_path / "ledger-in-use.lock").exists, "it runs")
        port = listener.getsockname()[1]

        too_large = said(port, HEAD + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY + 1))
        moved = said(
            port,
            b"GET /accounts/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Daphne-Root-Path: //elsewhere.example\r\n\r\n",
        )

    assert too_large.startswith(b"HTTP/1.1 413 ")
    assert b"ocation: /auth/login/?next=/accounts/\r\n" in moved


def said(port: int, request: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as client:
        client.sendall(request)
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer


def test_it_reads_ahead_beside_serving(monkeypatch):
    serves, has_read = threading.Event(), threading.Event()

    def read_ahead() -> None:
        if serves.wait(10):
            has_read.set()

    monkeypatch.setattr("accounts.selectors.reading_ahead.read_ahead", read_ahead)
    monkeypatch.setattr("bankportal.web_server.serve", lambda _words: serves.set())
    monkeypatch.setattr(web, "in_use", nullcontext)
    monkeypatch.setattr(sys, "argv", ["web", "3"])

    web.main()

    assert has_read.wait(10)


def test_it_takes_all_the_files_that_it_may_open(monkeypatch):
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        pytest.skip("This machine has no limit that could be reached.")
    monkeypatch.setattr("accounts.selectors.reading_ahead.read_ahead", lambda: None)
    monkeypatch.setattr("bankportal.web_server.serve", lambda _words: None)
    monkeypatch.setattr(web, "in_use", nullcontext)
    monkeypatch.setattr(sys, "argv", ["web", "3"])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most - 1, most))
    try:
        web.main()

        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def test_on_its_own_it_listens_where_the_settings_say_and_ends_when_asked_to(tmp_path):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    portal = Portal(tmp_path, "127.0.0.1:1", BIND_ADDRESS="127.0.0.1", PORT=str(port))
    portal.url = f"http://127.0.0.1:{port}"
    try:
        process = portal.spawn("web", "-m", "bankportal.web")
        wait_until(portal.answers, "it serves")
        process.terminate()

        assert process.wait(30) == 0
    finally:
        portal.close()


def test_a_request_stays_in_its_thread_from_the_first_middleware_to_the_page(db):
    handler = PageHandler()

    # What is a coroutine here is run by the event loop, and has a thread look after each call.
    assert handler._view_middleware
    assert not any(map(iscoroutinefunction, handler._view_middleware))
    assert iscoroutinefunction(handler._middleware_chain)


class Reactor:
    """Stands in for Twisted's: notes who waits to write."""

    def __init__(self) -> None:
        self.writers: set[object] = set()
        self.addWriter = self.writers.add
        self.removeWriter = self.writers.discard
        self.addReader = self.removeReader = lambda _who: None


@pytest.fixture
def line():
    """A connection of the web server's that is prompt, its reactor, and the client's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 5)
        accepted, address = listener.accept()
    accepted.setblocking(False)
    reactor = Reactor()
    with closing(client), closing(accepted):
        transport = PromptTransport(accepted, Protocol(), address, None, 1, reactor)
        transport.is_prompt = True
        yield transport, reactor, client


def test_a_frame_is_handed_to_the_system_at_once(line):
    transport, reactor, client = line

    transport.write(b"frame")

    assert client.recv(100) == b"frame"
    assert not reactor.writers


def test_what_the_system_does_not_take_follows_in_its_order(line):
    transport, reactor, client = line
    pieces = [bytes([n]) * 100_000 for n in range(200)]

    for piece in pieces:
        transport.write(piece)
    assert reactor.writers == {transport}
    taken = bytearray()
    while len(taken) < 20_000_000:
        taken += client.recv(1_000_000)
        if reactor.writers:
            assert transport.doWrite() is None
    transport.write(b"end")

    assert taken == b"".join(pieces)
    assert client.recv(100) == b"end"
    assert not reactor.writers


def test_a_line_that_is_to_end_waits_for_the_reactor_to_end_it(line):
    transport, reactor, client = line
    transport.write(b"last")

    transport.loseConnection()

    assert client.recv(100) == b"last"
    assert reactor.writers == {transport}


def test_a_client_that_has_gone_is_left_to_the_reactor(line):
    transport, reactor, client = line
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

    wait_until(lambda: transport.write(b"frame") or reactor.writers, "the client has gone")

    assert isinstance(transport.doWrite(), Exception)


def test_an_answer_to_a_request_goes_as_a_whole(line):
    transport, reactor, client = line
    transport.is_prompt = False

    transport.write(b"head")
    transport.write(b"body")

    assert reactor.writers == {transport}
    transport.doWrite()
    assert client.recv(100) == b"headbody"
