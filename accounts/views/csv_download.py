"""CSV files as downloads: made row by row while they are sent, and never falsely complete."""

import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from accounts.csv_rows import csv_text

logger = logging.getLogger(__name__)

INCOMPLETE = "INCOMPLETE"

Rows = Iterable[Sequence[str]]


def csv_download(name: str, header: Sequence[str], parts: Iterator[Rows]) -> StreamingHttpResponse:
    """Send ``parts`` as one CSV file, in the memory of one part."""
    texts = _texts(name, header, parts)
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


async def _texts(name: str, header: Sequence[str], parts: Iterator[Rows]) -> AsyncIterator[str]:
    """Give the file's text; where it fails, the last line says so instead.

    An exception could not: once the file has begun, the server ends it with its own words and a
    proper end, so that a browser takes it for whole.
    """
    yield csv_text([header])
    # None ends it: StopIteration cannot pass through an await.
    following = sync_to_async(lambda: _written(parts))
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
