"""The limit beside which dashboards are put sends what it is told, however much that is."""

import asyncio
import json

from bench.bare_sockets import application


def test_what_is_posted_in_parts_is_sent_whole(monkeypatch):
    """Daphne hands on what is longer than 8 kB in parts."""
    texts = ["a" * 9_000, "b"]
    body = json.dumps(texts).encode()
    parts = [{"body": body[:8_192], "more_body": True}, {"body": body[8_192:]}]

    async def receive():
        return parts.pop(0)

    async def send(_message):
        pass

    async def post():
        waiting = asyncio.Queue()
        monkeypatch.setattr("bench.bare_sockets._sockets", {waiting})
        await application({"type": "http"}, receive, send)
        return [waiting.get_nowait() for _text in texts]

    assert asyncio.run(post()) == texts
