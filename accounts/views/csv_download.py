"""CSV files as downloads: made row by row while they are sent, and never falsely complete."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Final
from weakref import WeakValueDictionary

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from accounts.csv_rows import csv_text
from accounts.models import Agent

logger = logging.getLogger(__name__)

INCOMPLETE = "INCOMPLETE"

Rows = Iterable[Sequence[str]]

# Of each agent whose files are being made.
_turns: Final[WeakValueDictionary[int, asyncio.Lock]] = WeakValueDictionary()


def csv_download(
    name: str, header: Sequence[str], parts: Iterator[Rows], *, by: Agent
) -> StreamingHttpResponse:
    """Send ``parts`` as one CSV file, in the memory of one part.

    Of all the files that ``by`` asked for, one part is made at a time: as many as a minute allows
    keep others waiting no more than one does.
    """
    texts = _texts(name, header, parts, _turns.setdefault(by.pk, asyncio.Lock()))
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _texts(
    name: str, header: Sequence[str], parts: Iterator[Rows], turn: asyncio.Lock
) -> AsyncIterator[str]:
    """Give the file's text; where it fails, the last line says so instead.

    An exception could not: once the file has begun, the server ends it with its own words and a
    proper end, so that a browser takes it for whole.
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
    except Exception:
        logger.exception("%s ended after %d rows.", name, written)
        yield csv_text([(INCOMPLETE, str(written))])


def _written(parts: Iterator[Rows]) -> tuple[str, int] | None:
    part = next(parts, None)
    if part is None:
        return None
    rows = list(part)
    return csv_text(rows), len(rows)
