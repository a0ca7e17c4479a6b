"""What a visitor gets when a page cannot be made."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error

from accounts.database_troubles import passes
from accounts.views.try_again import try_again


def page_failed(request: HttpRequest) -> HttpResponse:
    """Ask to try again where the database cannot serve for now; else own up to a fault."""
    return try_again(request) if passes(sys.exception()) else server_error(request)
