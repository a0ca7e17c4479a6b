"""What a visitor gets when a page cannot be made."""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template

from accounts.database_troubles import passes
from accounts.views.try_again import try_again


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Refuse a request that cannot be read.

    Django's own page would read the form once more, and fail over it.
    """
    return render(request, "400.html", status=HTTPStatus.BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is nothing at an address.

    Django's own page would look for a token in the form, and fail over one that it refuses.
    """
    return render(request, "404.html", status=HTTPStatus.NOT_FOUND)


def page_failed(request: HttpRequest) -> HttpResponse:
    """Ask to try again where the database cannot serve for now; else own up to a fault."""
    return try_again(request) if passes(sys.exception()) else _fault(request)


def _fault(request: HttpRequest) -> HttpResponse:
    """Say that something is wrong, with no more of the site than the fault may have left whole."""
    # Nothing that asks the database, as what every page knows does.
    text = get_template("500.html").render({"request": request})
    return HttpResponse(text, status=HTTPStatus.INTERNAL_SERVER_ERROR)
