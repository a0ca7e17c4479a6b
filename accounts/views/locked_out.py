"""What stands in place of the sign-in after too many failed passwords."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, _credentials: dict[str, Any] | None
) -> HttpResponse:
    """Say how long no password is taken, and who can help."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds()) // 60
    status = HTTPStatus.TOO_MANY_REQUESTS
    return render(request, "account/locked_out.html", {"minutes": minutes}, status=status)
