"""What every response of the portal owes its reader."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from accounts.client_address import is_trusted_proxy
from accounts.tracing import traced
from bankportal.logs import pattern_of

access_log = logging.getLogger("bankportal.access")


class TrustedProxiesMiddleware:
    """Forgets what a request says of its way here, unless a proxy of ours says it."""

    forwarded = (
        "HTTP_FORWARDED",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_TRACEPARENT",
        "HTTP_TRACESTATE",
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
            for name in self.forwarded:
                request.META.pop(name, None)
        return self.get_response(request)


class RequestIdMiddleware:
    """Gives each request an id, answers it in a header, and logs how the request ended.

    The id is that of a trace. One that is begun by a proxy goes on; what a browser says of one
    has been forgotten before.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        with traced(request.META.get("HTTP_TRACEPARENT", "")) as trace:
            request.id = trace.trace_id  # type: ignore[attr-defined]
            response = self.get_response(request)
            response.headers["X-Request-ID"] = trace.trace_id
            # Files that are the same for everybody are not worth a line.
            if not request.path_info.startswith(settings.STATIC_URL):
                self._log(request, response, time.perf_counter() - began)
        return response

    def _log(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        access_log.info(
            "%s %s %d",
            request.method,
            pattern_of(request) or "(no page)",
            response.status_code,
            extra={
                "request": request,
                "status_code": response.status_code,
                "duration_ms": round(seconds * 1000, 1),
            },
        )


class PrivatePagesMiddleware:
    """Keeps customer data out of every cache: a page made for an agent is never stored."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class ChosenLanguageMiddleware(LocaleMiddleware):
    """Speaks the portal's language until the agent chooses the other one.

    Django's own middleware would follow the browser's languages first, so that the same
    counter spoke French or English depending on who installed its computer.
    """

    def process_request(self, request: HttpRequest) -> None:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        known = chosen in dict(settings.LANGUAGES)
        translation.activate(chosen if known else settings.LANGUAGE_CODE)
        request.LANGUAGE_CODE = translation.get_language()
