"""What every response of the portal owes its reader."""

import codecs
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext

from accounts.client_address import is_trusted_proxy
from accounts.database_troubles import CANNOT_SERVE
from accounts.models import Agent
from accounts.origin import acting_for
from accounts.refused_requests import note_refusal
from accounts.selectors.sessions import Standing, standing_of
from accounts.selectors.team import has_factor
from accounts.services.sessions import note_activity
from accounts.tracing import traced
from bankportal.logs import pattern_of
from streaming.metrics import REQUEST_SECONDS
from streaming.telemetry import RequestSpan

access_log = logging.getLogger("bankportal.access")


class KnownMethodsMiddleware:
    """Refuses the methods that no page has: some libraries' pages would take them for others."""

    known = ("GET", "HEAD", "POST")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self.known:
            return HttpResponseNotAllowed(self.known)
        return self.get_response(request)


class OneEncodingMiddleware:
    """Refuses what says to be in another encoding than UTF-8, as no page of ours is sent.

    Python would read it by any that it knows: some make half characters, which no database takes,
    and some are for no texts at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> None:
        # Not earlier: the log is to name the page.
        if request.encoding and codecs.lookup(request.encoding).name != "utf-8":
            raise BadRequest("Requests must be UTF-8 encoded.")


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
        span = RequestSpan(request.META.get("HTTP_TRACEPARENT", ""))
        with traced(span.trace) as trace:
            request.id = trace.trace_id  # type: ignore[attr-defined]
            response = self.get_response(request)
            response.headers["X-Request-ID"] = trace.trace_id
            # Files that are the same for everybody are not worth a line.
            if not request.path_info.startswith(settings.STATIC_URL):
                seconds = time.perf_counter() - began
                self._log(request, response, seconds)
                method = request.method if request.method in KnownMethodsMiddleware.known else "-"
                REQUEST_SECONDS.observe(seconds, str(method), str(response.status_code))
                span.end(str(method), pattern_of(request) or "", response.status_code)
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


class AuditMiddleware:
    """Lets the audit log know which request an act comes from, and records what is refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_for(request):
            response = self.get_response(request)
            note_refusal(request, response)
        return response


class HeldSessionsMiddleware:
    """Lets a session open what it is worth, and no more: no page has to ask for itself.

    One that has ended is forgotten. One that still owes a second factor, or a password of the
    agent's own, opens the pages for that, and leads there from all others. Pages that somebody
    asks for prolong a session; what they fetch by themselves does not.
    """

    # Answered while the database is away, so nothing is read for them.
    of_nobodys_concern: Final = frozenset({"health_live", "health_ready", "metrics"})
    open_to_all: Final = frozenset({"account_logout", "set_language", "session_state"})
    # Of each, the first is where the others lead.
    to_change_password: Final = ("account_change_password",)
    to_give_factor: Final = ("mfa_reauthenticate", "mfa_reauthenticate_webauthn")
    to_set_up_factor: Final = (
        *("mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate"),
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        # Not earlier: what is typed in a form outlives a database that is away only after
        # Django has looked where the form comes from.
        try:
            return self._led_elsewhere(request)
        except CANNOT_SERVE as reason:
            # The page meets it when it asks who is there, with what was typed at hand.
            request.user = SimpleLazyObject(partial(_fail, reason))  # type: ignore[assignment]
            return None

    def _led_elsewhere(self, request: HttpRequest) -> HttpResponse | None:
        name = request.resolver_match.url_name if request.resolver_match else None
        if name in self.of_nobodys_concern or not isinstance(agent := request.user, Agent):
            return None
        standing = standing_of(request.session, agent)
        if standing is Standing.ENDED:
            self._end(request)
            return None
        if _is_page(request):
            note_activity(request.session)
        if standing is Standing.SIGNED_IN or name in self.open_to_all:
            return None
        first, *others = self._pages_of(agent, standing)
        if name in {first, *others}:
            return None
        query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
        return redirect(f"{reverse(first)}?{query}")

    def _pages_of(self, agent: Agent, standing: Standing) -> Sequence[str]:
        """Give the names of the pages that are open; the first is where to be led."""
        if standing is Standing.SECOND_FACTOR_DUE and has_factor(agent):
            return self.to_give_factor
        return self.to_change_password if agent.must_change_password else self.to_set_up_factor

    def _end(self, request: HttpRequest) -> None:
        logout(request)
        if not _is_page(request):
            return
        if request.method == "POST":
            text = gettext("Your session has ended, and nothing was sent. Sign in to go on.")
        else:
            text = gettext("Your session has ended. Sign in to go on.")
        messages.info(request, text)


def _is_page(request: HttpRequest) -> bool:
    """Tell whether somebody asked for a page, rather than a page for something by itself."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _fail(reason: Exception) -> None:
    raise reason


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
