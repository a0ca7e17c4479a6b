"""How agents sign in: through allauth, with neither sign-up nor reset by e-mail."""

from http import HTTPStatus
from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Agent, AuditOutcome
from accounts.services.refusals import record_failed_sign_in


class AgentAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth is untyped
    """Closes the doors that a bank does not have, and says what is wrong in our words."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("User name and password do not match. Check both."),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait five minutes, or ask your supervisor."
        ),
        "account_inactive": _("This access is closed. Ask your supervisor."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def respond_user_inactive(self, request: HttpRequest, user: Agent) -> HttpResponse:
        record_failed_sign_in(user.username, reason="closed", outcome=AuditOutcome.REFUSED)
        return render(request, "account/account_inactive.html", status=HTTPStatus.FORBIDDEN)
