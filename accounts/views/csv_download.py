"""CSV files as downloads: made row by row while they are sent, and never falsely complete."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final
from weakref import WeakValueDictionary

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from accounts.csv_rows import csv_text
from accounts.models import Agent
from accounts.selectors.sessions import is_entitled
from accounts.views.doors import AgentRequest

logger = logging.getLogger(__name__)

INCOMPLETE = "INCOMPLETE"
# A file is as long under way as its reader likes; whether it is theirs is asked this often.
CHECK_RIGHTS_S: Final = 1.0

Rows = Iterable[Sequence[str]]

# Of each agent whose files are being made.
_turns: Final[WeakValueDictionary[int, asyncio.Lock]] = WeakValueDictionary()


class RightsLost(Exception):
    """Who asked for a file has signed out meanwhile, or has other rights by now."""


def csv_download(
    request: AgentRequest, name: str, header: Sequence[str], parts: Iterator[Rows]
) -> StreamingHttpResponse:
    """Send ``parts`` as one CSV file, in the memory of one part.

    Of all the files that an agent asked for, one part is made at a time: as many as a minute
    allows keep others waiting no more than one does. A file ends, incomplete, with the session
    that asked for it, or once its agent has another role or branch.
    """
    turn = _turns.setdefault(request.user.pk, asyncio.Lock())
    key = request.session.session_key or ""
    entitled = _while_entitled(parts, request.user, key, asked_at=time.monotonic())
    texts = _texts(request, header, entitled, turn)
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _texts(
    request: AgentRequest, header: Sequence[str], parts: Iterator[Rows], turn: asyncio.Lock
) -> AsyncIterator[str]:
    """Give the file's text; where it fails, the last line says so instead.

    An exception could not: once the file has begun, the server ends it with its own words and a
    proper end, so that a browser takes it for whole. The log hears of it without the file's name,
    which may be of a customer.
    """
    yield csv_text([header])
    # None ends it: StopIteration cannot pass through an await.
    make_part = sync_to_async(lambda: _written(parts))

    async def following() -> tuple[str, int] | None:
        async with turn:
            return await make_part()

    written = 0
    try:
        while (part := await following()) is not None:
            text, count = part
            yield text
            written += count
    except RightsLost:
        logger.warning(
            "A file ended after %d rows, as its reader's rights did.",
            written,
            extra={"request": request},
        )
        yield csv_text([(INCOMPLETE, str(written))])
    except Exception:
        logger.exception("A file ended after %d rows.", written, extra={"request": request})
        yield csv_text([(INCOMPLETE, str(written))])


def _while_entitled(
    parts: Iterator[Rows], agent: Agent, session_key: str, *, asked_at: float
) -> Iterator[Rows]:
    # As of the request: the first part may have waited for its turn.
    for part in parts:
        # After it is made, since that takes time too.
        if time.monotonic() - asked_at >= CHECK_RIGHTS_S:
            if not is_entitled(agent, session_key):
                raise RightsLost
            asked_at = time.monotonic()
        yield part


def _written(parts: Iterator[Rows]) -> tuple[str, int] | None:
    part = next(parts, None)
    if part is None:
        return None
    rows = list(part)
    return csv_text(rows), len(rows)
