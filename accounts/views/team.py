"""The team: who can sign in, and helping those who cannot."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBadRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Act, Agent, Role
from accounts.selectors import team as selectors
from accounts.selectors.team import Member
from accounts.services.access import (
    end_sessions,
    give_new_password,
    remove_second_factor,
    unlock,
)
from accounts.views.doors import (
    AgentRequest,
    changing_as_often_as_allowed,
    for_team_keepers,
    with_fresh_sign_in,
)

# What is done without anything to show but that it was.
_PLAIN: dict[str, tuple[Callable[..., None], Promise]] = {
    Act.UNLOCK: (unlock, _("Unlocked. The next password is looked at again.")),
    Act.SESSION_END: (end_sessions, _("Signed out everywhere.")),
    Act.FACTOR_REMOVED: (
        remove_second_factor,
        _("The second factor is removed, and all sessions are ended."),
    ),
}


@require_safe
@for_team_keepers
def team(request: AgentRequest) -> HttpResponseBase:
    """List whom the agent may help, and how each stands."""
    page, members = selectors.team(request.user, request.GET.get("page", "1"))
    return render(request, "accounts/team.html", {"page": page, "members": members})


@require_http_methods(["GET", "HEAD", "POST"])
@for_team_keepers
@with_fresh_sign_in
@changing_as_often_as_allowed
def team_member(request: AgentRequest, agent_id: int) -> HttpResponseBase:
    """Show one of the team with what can be done, or do it."""
    found = selectors.member(agent_id, seen_by=request.user)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _done(request, found.agent, request.POST.get("act", ""))
    return render(request, "accounts/team_member.html", _shown(request, found))


def _shown(request: AgentRequest, member: Member) -> dict[str, object]:
    removes = request.user.role == Role.ADMINISTRATOR
    return {"member": member, "agent": member.agent, "removes_factors": removes}


def _done(request: AgentRequest, agent: Agent, act: str) -> HttpResponseBase:
    if act == Act.FACTOR_REMOVED and request.user.role != Role.ADMINISTRATOR:
        raise PermissionDenied
    if act == Act.PASSWORD_GIVEN:
        # In the answer itself: kept nowhere, and gone with the page.
        password = give_new_password(agent, by=request.user)
        return render(request, "accounts/new_password.html", {"agent": agent, "new": password})
    if act not in _PLAIN:
        return HttpResponseBadRequest()
    do, words = _PLAIN[act]
    do(agent, by=request.user)
    messages.info(request, str(words))
    return redirect("team_member", agent.pk)
