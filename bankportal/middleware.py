"""What every response of the portal owes its reader."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from accounts.client_address import is_trusted_proxy
from accounts.origin import acting_for
from accounts.refused_requests import note_refusal


class TrustedProxiesMiddleware:
    """Forgets what a request says of its way here, unless a proxy of ours says it."""

    forwarded = (
        "HTTP_FORWARDED",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_X_FORWARDED_PORT",
        "HTTP_X_FORWARDED_PROTO",
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_trusted_proxy(request.META.get("REMOTE_ADDR", "")):
            for name in self.forwarded:
                request.META.pop(name, None)
        return self.get_response(request)


class AuditMiddleware:
    """Lets the audit log know which request an act comes from, and records what is refused."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_for(request):
            response = self.get_response(request)
            note_refusal(request, response)
        return response


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
