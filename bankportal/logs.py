"""How a line of the log reads."""

import logging
from datetime import datetime

from bankportal.process import in_plain_words, passes


class LineFormatter(logging.Formatter):
    """Stamps each line with a time that names its distance from UTC, to the millisecond."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Give the moment of ``record`` on the clock of TIME_ZONE."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(sep=" ", timespec="milliseconds")


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
