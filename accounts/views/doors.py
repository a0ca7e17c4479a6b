"""Who may come in: every page of the bank asks here first."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from accounts.models import Agent
from accounts.services.limits import Limited, seconds_to_wait
from accounts.sign_in import is_fresh, sign_in_again

Rest = ParamSpec("Rest")


class AgentRequest(HttpRequest):
    """A request of someone who has signed in."""

    user: Agent


Page = Callable[Concatenate[AgentRequest, Rest], HttpResponseBase]
Address = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]


def for_agents(page: Page[Rest]) -> Address[Rest]:
    """Open a page to agents of any role."""
    return login_required(cast("Address[Rest]", page))


def with_customer_data(page: Page[Rest]) -> Address[Rest]:
    """Open a page to agents whose role sees customers; the others are refused."""

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if not request.user.sees_customers:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return for_agents(cast("Page[Rest]", guarded))


def for_submitting_agents(page: Page[Rest]) -> Address[Rest]:
    """Open a page to agents whose role submits; the others are refused."""

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if not request.user.may_submit:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return for_agents(cast("Page[Rest]", guarded))


def for_team_keepers(page: Page[Rest]) -> Address[Rest]:
    """Open a page to agents who help others to sign in; the others are refused."""

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if not request.user.keeps_team:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return for_agents(cast("Page[Rest]", guarded))


def for_auditors(page: Page[Rest]) -> Address[Rest]:
    """Open a page to auditors and administrators; the others are refused."""

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if not request.user.sees_audit:
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return for_agents(cast("Page[Rest]", guarded))


def with_fresh_sign_in(page: Page[Rest]) -> Page[Rest]:
    """Ask who has not signed in a moment ago to do so again, before the page opens."""

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        return page(request, *args, **kwargs) if is_fresh(request) else sign_in_again(request)

    return cast("Page[Rest]", guarded)


def as_often_as_allowed(act: Limited) -> Callable[[Page[Rest]], Page[Rest]]:
    """Let an agent ask for a page so many times a minute; the next time is told when."""

    def decorate(page: Page[Rest]) -> Page[Rest]:
        @wraps(page)
        def guarded(
            request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs
        ) -> HttpResponseBase:
            wait_s = seconds_to_wait(request.user.pk, act)
            return too_often(request, wait_s) if wait_s else page(request, *args, **kwargs)

        return cast("Page[Rest]", guarded)

    return decorate


def changing_as_often_as_allowed(page: Page[Rest]) -> Page[Rest]:
    """Let an agent send a form so many times a minute; to look at it is not counted.

    For what is recorded in the audit log however often it is done and undone.
    """
    limited = as_often_as_allowed(Limited.CHANGE)(page)

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        return (limited if request.method == "POST" else page)(request, *args, **kwargs)

    return cast("Page[Rest]", guarded)


def too_often(request: HttpRequest, wait_s: int) -> HttpResponse:
    """Say when the page may be asked for again."""
    response = render(request, "429.html", {"wait_s": wait_s}, status=HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(wait_s)
    return response
