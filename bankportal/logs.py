"""How a line of the log reads, and which lines there are."""

import json
import logging
import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest

from accounts.tracing import current_trace
from bankportal.process import in_plain_words, passes


class LineFormatter(logging.Formatter):
    """Stamps each line with a time that names its distance from UTC, to the millisecond."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """Give the moment of ``record`` on the clock of TIME_ZONE."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(sep=" ", timespec="milliseconds")


class JsonFormatter(logging.Formatter):
    """One object a line, for programs: who asked what, and the trace that leads to the rest.

    Of a request it names the pattern of the path and never what stands in it or behind it, and
    the agent by number: what customers did is for the ledger to tell.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Give ``record`` as JSON without a line break."""
        line = _line(record.created, record.levelname, record.name, record.getMessage())
        trace = current_trace()
        if trace_id := getattr(record, "trace_id", trace.trace_id if trace else ""):
            line["trace_id"] = trace_id
        # Of a socket's request nothing is known but that it is one.
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            line |= about(request)
        for name, key in (("status_code", "status"), ("duration_ms", "duration_ms")):
            if hasattr(record, name):
                line[key] = getattr(record, name)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def about(request: HttpRequest) -> dict[str, Any]:
    """Give what of ``request`` may be logged. Asks the database nothing."""
    # Only where the page has asked who it is.
    agent = getattr(request, "_cached_user", None)
    return {
        "method": request.method,
        "path": pattern_of(request),
        "agent": agent.pk if agent else None,
    }


def pattern_of(request: HttpRequest) -> str | None:
    """Give the address that ``request`` is for as the README has it; None where none is."""
    match = request.resolver_match
    return re.sub(r"<\w+:(\w+)>", r"<\1>", f"/{match.route}") if match else None


def as_json(name: str, line: str) -> str:
    """Give what a process named ``name`` printed as a line of JSON; if it is one, as it is."""
    if line.startswith("{"):
        try:
            json.loads(line)
        except ValueError:
            pass
        else:
            return line
    now = datetime.now().timestamp()  # noqa: DTZ005 # the same moment in every zone
    return json.dumps(_line(now, "INFO", name, line), ensure_ascii=False)


def _line(at: float, level: str, logger: str, message: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(at).astimezone()
    return {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": level,
        "logger": logger,
        "message": message,
    }


class OrdinaryAnswers(logging.Filter):
    """Leaves out the answers that agents get every day, and the traceback of the other refusals.

    A form typed wrong and an address that nothing has are told to the agent and concern nobody
    else; a page refused to a role, or a request that no browser sends, is worth a line, whose
    cause is the line itself. Else anybody could fill the log with tracebacks.
    """

    everyday = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
    refused = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log ``record``."""
        status = getattr(record, "status_code", None)
        if record.name.startswith("django.") and status in self.refused:
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


class PatternsForAddresses(logging.Filter):
    """Names the pattern of a request's address where Django names the address itself.

    What stands in its place is a customer's, as an account's number, or was typed.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change ``record``; let it through in any case."""
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            # Django writes it so, that nobody forges a line.
            address = request.path.encode("unicode_escape").decode("ascii")
            shown = pattern_of(request) or "(no page)"
            record.args = tuple(shown if each == address else each for each in record.args)
        return True
