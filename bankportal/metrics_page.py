"""The figures of this web process and of the ledger, for Prometheus."""

from http import HTTPStatus
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.client_address import client_address


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer who has METRICS_TOKEN; without one, and with local names alone, this machine."""
    from streaming.exposition import (  # noqa: PLC0415 # the library takes a while
        REFUSED,
        exposition,
        is_let_in,
        of_web,
    )

    if not (is_let_in(request.headers.get("Authorization", "")) or _is_open_to(request)):
        answer = HttpResponse(REFUSED, "text/plain", status=HTTPStatus.UNAUTHORIZED)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(*exposition(of_web, request.headers.get("Accept", "")))


def _is_open_to(request: HttpRequest) -> bool:
    """Say whether the request needs no token. Beyond this machine a proxy may stand before all."""
    if settings.METRICS_TOKEN or not settings.IS_LOCAL:
        return False
    try:
        return ip_address(client_address(request)).is_loopback
    except ValueError:
        return False
