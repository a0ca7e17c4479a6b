"""A browser's end of the live socket, and what a ledger and its readers need around it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import login
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from accounts.models import Account, Agent, Branch, Role
from accounts.selectors.positions import current_position
from streaming.hub import hub

Answer = TypeVar("Answer")
ORIGIN = b"http://localhost:8000"
PATIENCE_S = 10.0
PANELS = ("totals", "balance", "bars", "period")


def branch(code: str = "lyon") -> Branch:
    """The branch of that code."""
    return Branch.objects.get_or_create(code=code, defaults={"name": code.title()})[0]


def agent(username: str = "auditor", role: Role = Role.AUDITOR, code: str = "") -> Agent:
    """An agent, of a branch where one is named."""
    return Agent.objects.create_user(
        username, password="a long password", role=role, branch=branch(code) if code else None
    )


def filed(number: str, code: str = "", holder: str = "") -> Account:
    """An account that a branch keeps."""
    return Account.objects.create(
        number=number, holder=holder, branch=branch(code) if code else None
    )


def sign_in(who: Agent) -> str:
    """Sign an agent in and give the key of the session."""
    request = HttpRequest()
    request.session = SessionStore()
    login(request, who, settings.AUTHENTICATION_BACKENDS[-1])
    request.session.save()
    return str(request.session.session_key)


def sign_out(key: str) -> None:
    """End a session as signing out does."""
    SessionStore(key).flush()


class Browser:
    """One page's socket."""

    def __init__(self, key: str = "", *, origin: bytes | None = ORIGIN, host: bytes = b"") -> None:
        headers = [(b"host", host or b"localhost:8000")]
        headers += [(b"origin", origin)] if origin is not None else []
        cookie = f"{settings.SESSION_COOKIE_NAME}={key}".encode()
        headers += [(b"cookie", cookie)] if key else []
        # It is made of the settings as it is imported, and not everybody here asks for it.
        from bankportal.asgi import application

        self._socket = WebsocketCommunicator(application, "/ws/live/", headers)
        self.frames: list[dict[str, Any]] = []

    async def connect(self) -> bool:
        """Open the socket; tell whether the server took it."""
        accepted, _code = await self._socket.connect(timeout=PATIENCE_S)
        return bool(accepted)

    async def subscribe(
        self, position: str | None = None, *, panels: Sequence[str] = PANELS, **chosen: Any
    ) -> dict[str, Any]:
        """Subscribe and give the server's answer. With a filter, figures are asked for too.

        They are asked for from the ledger's end, as a page does: a filter that is new while a
        change is on its way sends the page back to read anew.
        """
        if chosen and position is None:
            position = str(await in_database(current_position))
        message: dict[str, Any] = {"type": "subscribe", "position": position}
        if chosen:
            message |= {"filter": chosen, "panels": [{"name": name} for name in panels]}
        await self.send(message)
        return await self.next("subscribed", "reload")

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str) -> None:
        """Send any text."""
        await self._socket.send_to(text_data=text)

    async def next(self, *types: str) -> dict[str, Any]:
        """Wait for the next frame of one of ``types``, and pass over others."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = json.loads(await self._socket.receive_from(timeout=PATIENCE_S))
                self.frames.append(frame)
                if frame["type"] in types:
                    return frame

    async def closed(self) -> int:
        """Wait for the server to close, and give the code."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                output = await self._socket.receive_output(timeout=PATIENCE_S)
                if output["type"] == "websocket.close":
                    return int(output["code"])

    async def is_silent(self) -> bool:
        """Tell whether nothing has come within a moment."""
        return bool(await self._socket.receive_nothing(timeout=0.5))

    async def entries(self, number: int) -> list[dict[str, Any]]:
        """Wait for so many entries in all; give them in the order of their coming."""
        found: list[dict[str, Any]] = []
        while len(found) < number:
            found += (await self.next("entries"))["entries"]
        return found

    async def leave(self) -> None:
        """Close the page."""
        await self._socket.disconnect(timeout=PATIENCE_S)

    async def cut_off(self) -> None:
        """End what the server does for the page, as the web server does once that has gone."""
        self._socket.future.cancel()
        with suppress(asyncio.CancelledError):
            await self._socket.future


async def in_database(act: Callable[..., Answer], *details: Any, **named: Any) -> Answer:
    """Do something with the database beside the event loop."""
    return await database_sync_to_async(act)(*details, **named)


async def rest() -> None:
    """End the hub of this test's event loop, and wait for its thread."""
    feed = hub().stop()
    if feed is not None:
        await asyncio.to_thread(feed.join)


async def until(what: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    """Ask until the answer is true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = what()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)
