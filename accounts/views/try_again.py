"""The page for when the database cannot serve: it is made without the database."""

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.database_troubles import CANNOT_SERVE, passes, said_plainly
from accounts.forms import IdentifiedForm

log = logging.getLogger(__name__)

Rest = ParamSpec("Rest")
Address = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]

RETRY_AFTER_S = 5


def keeping_what_was_typed(
    form_class: type[IdentifiedForm],
) -> Callable[[Address[Rest]], Address[Rest]]:
    """Answer a form that meets a full, locked or absent database with what was typed in it."""

    def decorate(page: Address[Rest]) -> Address[Rest]:
        @wraps(page)
        def guarded(
            request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs
        ) -> HttpResponseBase:
            try:
                return page(request, *args, **kwargs)
            except CANNOT_SERVE as reason:
                if request.method != "POST" or not passes(reason):
                    raise
                log.warning("%s was not saved. %s", request.path, said_plainly(reason))
                return try_again(request, form=form_class(request.POST))

        return guarded

    return decorate


def try_again(request: HttpRequest, *, form: IdentifiedForm | None = None) -> HttpResponse:
    """Ask to try again in a moment, with a button that sends once more what was sent.

    Reads nothing from the database: not the session either, nor who has signed in.
    """
    context = {
        "user": AnonymousUser(),
        "messages": (),
        "form": form,
        "typed": _typed(request),
        "address": request.get_full_path(),
    }
    response = render(request, "503.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    # Where it takes the place of a page that a middleware failed on, none has said so.
    response.headers["Cache-Control"] = "no-store"
    return response


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Give what a form of ours sent, for it to be sent again; nothing where that is not safe."""
    is_ours = getattr(request, "csrf_processing_done", False)
    if request.method != "POST" or not is_ours or any("password" in name for name in request.POST):
        return []
    return [
        (name, value)
        for name, values in request.POST.lists()
        if name != "csrfmiddlewaretoken"
        for value in values
    ]
