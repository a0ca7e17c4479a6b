"""The page for when the database cannot serve: it is made without the database."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.log import log_response

from accounts.database_troubles import CANNOT_SERVE, passes
from accounts.forms import IdentifiedForm

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
                response = try_again(request, form=form_class(request.POST))
                _log(request, response, reason)
                return response

        return guarded

    return decorate


def try_again(request: HttpRequest, *, form: IdentifiedForm | None = None) -> HttpResponse:
    """Ask to try again in a moment, with a button that sends once more what was sent.

    Reads nothing from the database: not the session either, nor who has signed in.
    """
    context = {
        "user": AnonymousUser(),
        "signed_in": False,
        "session_left": None,
        "second_factor_advised": False,
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


def _log(request: HttpRequest, response: HttpResponse, reason: Exception) -> None:
    """Log the answer as Django would, and once, but with its reason."""
    log_response(
        "%s: %s",
        response.reason_phrase,
        request.path,
        response=response,
        request=request,
        exception=reason,
    )


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
