"""An agent's own sessions and password, and how long the session of a page goes on."""

from functools import wraps
from http import HTTPStatus
from typing import Any, cast

from allauth.account import views as allauth_views
from allauth.core import ratelimit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.transaction import atomic
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Agent
from accounts.selectors.open_sessions import open_sessions
from accounts.selectors.sessions import Standing, standing_of, time_left
from accounts.services.sessions import (
    SessionOver,
    end_other_sessions,
    end_session,
    held,
    note_activity,
)
from accounts.views.doors import (
    Address,
    AgentRequest,
    Page,
    Rest,
    changing_as_often_as_allowed,
    for_agents,
    with_fresh_sign_in,
)


@require_http_methods(["GET", "HEAD", "POST"])
def session_state(request: HttpRequest) -> JsonResponse:
    """Tell the page whose session it is and how many seconds are left; a POST prolongs it.

    A page of an agent before shows nothing any more, like one whose session has ended. One that
    goes on may still open nothing (``opens``), as long as it owes a factor or a password.
    """
    if not isinstance(request.user, Agent):
        none = {"agent": None, "left_s": 0, "whole_s": 0, "opens": False}
        return JsonResponse(none, status=HTTPStatus.UNAUTHORIZED)
    if request.method == "POST":
        note_activity(request.session, at_least_s=0)
    left = time_left(request.session)
    opens = standing_of(request.session, request.user) is Standing.SIGNED_IN
    found = {"agent": request.user.pk, "left_s": left.seconds, "whole_s": left.whole_s}
    return JsonResponse({**found, "opens": opens})


def while_it_goes_on(page: Page[Rest]) -> Page[Rest]:
    """Do what is sent only as long as the session goes on: its end may come beside the request.

    A factor that is added in one that a thief has would stay, though an administrator has removed
    all of them and ended it.
    """

    @wraps(page)
    def guarded(request: AgentRequest, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        if request.method != "POST":
            return page(request, *args, **kwargs)
        try:
            with held(request, request.user):
                return page(request, *args, **kwargs)
        except SessionOver:
            # Asked for again, it leads to the sign-in.
            return redirect(request.get_full_path())

    return cast("Page[Rest]", guarded)


@require_http_methods(["GET", "HEAD", "POST"])
@for_agents
@with_fresh_sign_in
@changing_as_often_as_allowed
@while_it_goes_on
def own_sessions(request: AgentRequest) -> HttpResponseBase:
    """List where the agent is signed in; end one of these sessions, or all but this one."""
    found = open_sessions(request.user, current_key=request.session.session_key)
    if request.method != "POST":
        return render(request, "account/sessions.html", {"sessions": found})
    wanted = request.POST.get("session", "")
    chosen = [each for each in found if str(each.pk) == wanted]
    if wanted == "others":
        end_other_sessions(request, request.user)
    elif chosen:
        end_session(request.user, chosen[0].key)
    else:
        return HttpResponseBadRequest()
    messages.info(request, gettext("Ended. Its pages are closed within seconds."))
    return redirect("own_sessions")


class OwnAppView(ActivateTOTPView):  # type: ignore[misc]
    """allauth's, which would set up an app in a session that has ended meanwhile.

    Only what is written holds the session: to count codes waits for others who count them, up to a
    second, in which nobody else could write to SQLite.
    """

    def form_valid(self, form: Any) -> HttpResponseBase:
        with held(self.request, self.request.user):
            response: HttpResponseBase = super().form_valid(form)
        return response


@for_agents
@changing_as_often_as_allowed
def own_app(request: AgentRequest) -> HttpResponseBase:
    """Set an authenticator app up; of the same form sent twice at once, one does."""
    try:
        response: HttpResponseBase = OwnAppView.as_view()(request)
    except IntegrityError:
        return redirect("mfa_index")
    except SessionOver:
        return redirect(request.get_full_path())
    return response


def own_codes(page: Address[...]) -> Address[...]:
    """Give a page of allauth's that shows recovery codes.

    The first time it notes that they were seen, and writes all that it has read of them: a code
    that is used meanwhile could be used once more.
    """

    @wraps(page)
    def guarded(request: AgentRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        codes = Authenticator.objects.filter(
            user=request.user, type=Authenticator.Type.RECOVERY_CODES
        )
        with atomic():
            # SQLite has one writer at a time anyway.
            list(codes.select_for_update())
            return page(request, *args, **kwargs)

    return for_agents(cast("Page[...]", guarded))


def own_factor(page: Address[...]) -> Address[...]:
    """Give a page of allauth's that changes own factors, within the limit of changes."""
    return for_agents(changing_as_often_as_allowed(while_it_goes_on(page)))


@for_agents
def own_password(request: AgentRequest) -> HttpResponseBase:
    """Change one's own password; who signs in by passkey alone has none to change."""
    if not request.user.has_usable_password():
        raise PermissionDenied
    try:
        response: HttpResponseBase = allauth_views.password_change(request)
    except SessionOver:
        return redirect(request.get_full_path())
    return response


@require_safe
@for_agents
def passkeys(_request: AgentRequest) -> HttpResponseBase:
    """Lead to the page that lists them with the other factors."""
    return redirect("mfa_index")


class PasskeyAloneView(LoginWebAuthnView):  # type: ignore[misc] # allauth is untyped
    """allauth's, which would keep a session for anybody, however often they ask for a challenge."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refusal: HttpResponseBase | None = ratelimit.consume_or_429(
            request, action="login", limit_get=True
        )
        return refusal or super().get(request, *args, **kwargs)


class PasskeyAgainView(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """allauth's, which would lead to the sign-in from a passkey that is not taken."""

    def form_invalid(self, form: Any) -> HttpResponseBase:
        super().form_invalid(form)
        return redirect(self.request.get_full_path())
