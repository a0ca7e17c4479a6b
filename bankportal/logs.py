"""How a line of the log reads."""

import logging
from datetime import datetime
from http import HTTPStatus

from bankportal.process import in_plain_words, passes


class LineFormatter(logging.Formatter):
    """Stamps each line with a time that names its distance from UTC, to the millisecond."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Give the moment of ``record`` on the clock of TIME_ZONE."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(sep=" ", timespec="milliseconds")


class OrdinaryAnswers(logging.Filter):
    """Leaves out the answers that agents get every day, and the traceback of the other refusals.

    A form typed wrong and an address that nothing has are told to the agent and concern nobody
    else; a page refused to a role is worth a line, whose cause is the line itself.
    """

    everyday = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log ``record``."""
        status = getattr(record, "status_code", None)
        if record.name == "django.request" and status == HTTPStatus.FORBIDDEN:
            record.exc_info = record.exc_text = None
        return record.name != "django.request" or status not in self.everyday


class KnownTroubles(logging.Filter):
    """Tells a trouble that passes, such as a locked database, in a line without a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten ``record``; let it through in any case."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and passes(error):
            record.msg = f"{record.getMessage()} ({in_plain_words(error)})"
            record.args = ()
            record.exc_info = record.exc_text = None
        return True
