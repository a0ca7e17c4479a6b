"""The least that can tell many sockets something with Daphne: nothing is read, nobody is checked.

A body that is posted is a JSON list of texts, and each socket is sent each of them. The limit
beside which ``bench.fanout`` puts the portal.
"""

import asyncio
import json
from typing import Any

_sockets: set[asyncio.Queue[str]] = set()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve sockets, and tell them what is posted."""
    if scope["type"] == "websocket":
        await _socket(receive, send)
    else:
        for text in json.loads(await _body(receive)):
            for waiting in _sockets:
                waiting.put_nowait(text)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> bytes:
    """Give all of it: Daphne hands on what is longer than 8 kB in parts."""
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message["body"]
        is_whole = not message.get("more_body")
    return body


async def _socket(receive: Any, send: Any) -> None:
    waiting: asyncio.Queue[str] = asyncio.Queue()
    await receive()
    await send({"type": "websocket.accept"})
    pump = asyncio.create_task(_pump(waiting, send))
    _sockets.add(waiting)
    waiting.put_nowait('{"type":"subscribed"}')
    while (await receive())["type"] != "websocket.disconnect":
        pass
    _sockets.discard(waiting)
    pump.cancel()


async def _pump(waiting: asyncio.Queue[str], send: Any) -> None:
    while True:
        await send({"type": "websocket.send", "text": await waiting.get()})
