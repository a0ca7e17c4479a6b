"""How agents sign in: through allauth, with neither sign-up nor reset by e-mail."""

import time
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.account.internal.userkit import get_user_by_username
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import cache_lock
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.client_address import party_address
from accounts.models import Agent, AuditOutcome
from accounts.selectors.sessions import last_sign_in
from accounts.services.access import take_password
from accounts.services.refusals import mark_of, record_failed_sign_in
from accounts.services.sessions import end_all_sessions

# Stands for an address that cannot be known, where one has to be written down.
UNKNOWN_ADDRESS: Final = "::"

# What ends sessions, as it was when a sign-in was begun in this one.
BEGUN_WITH: Final = "sign_in_begun_with"


class AgentAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth is untyped
    """Closes the doors that a bank does not have, and says what is wrong in our words."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _("User name and password do not match. Check both."),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait five minutes, or ask your supervisor."
        ),
        "rate_limited": _("Too many failed attempts. Wait five minutes, or ask your supervisor."),
        "account_inactive": _("This access is closed. Ask your supervisor."),
        "enter_current_password": _("This is not your present password."),
        "incorrect_password": _("This is not your password."),
        "same_as_current": _("Choose another password than the present one."),
        "under_way": _("A sign-in with this name is under way. Try again in a moment."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def respond_user_inactive(self, request: HttpRequest, user: Agent) -> HttpResponse:
        record_failed_sign_in(user.username, reason="closed", outcome=AuditOutcome.REFUSED)
        return render(request, "account/account_inactive.html", status=HTTPStatus.FORBIDDEN)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Leave passwords to axes.

        allauth counts them by user alone, from wherever they come, so that anybody could keep an
        agent out. One-time codes are still counted there, and nowhere else.
        """

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Look at a name's passwords from one address one by one, in all web processes.

        axes counts a failure after it has looked. Side by side, any number would be looked at.
        """
        name, address = counted_name(request, credentials), self.get_client_ip(request)
        with cache_lock(f"sign-in:{mark_of(name)}:{address}") as is_alone:
            if not is_alone:
                raise self.validation_error("under_way")
            user: AbstractBaseUser | None = super().authenticate(request, **credentials)
            return user

    def get_client_ip(self, request: HttpRequest) -> str:
        return party_address(request) or UNKNOWN_ADDRESS

    def is_safe_url(self, url: str | None) -> bool:
        """Lead to pages of the portal alone, named from its root as the portal names them."""
        return bool(url and url.startswith("/") and super().is_safe_url(url))

    def set_password(self, user: Agent, password: str) -> None:
        """Take the password that an agent chose; allauth would write all of the agent anew."""
        take_password(user, password)

    def pre_login(self, request: HttpRequest, user: Agent, **details: Any) -> HttpResponse | None:
        """Note what a sign-in was begun with: it may wait for its second factor meanwhile."""
        refusal: HttpResponse | None = super().pre_login(request, user, **details)
        if refusal is None:
            request.session[BEGUN_WITH] = user.get_session_auth_hash()
        return refusal

    def login(self, request: HttpRequest, user: Agent) -> None:
        """Sign the agent in, unless what ends sessions has come since it was begun.

        To look at a password takes a second, to give a code minutes.
        """
        begun_with = request.session.pop(BEGUN_WITH, "")
        user.refresh_from_db(fields=["is_active", "password", "sessions_ended"])
        if not user.is_active:
            clear_login(request)
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user))
        if not constant_time_compare(begun_with, user.get_session_auth_hash()):
            clear_login(request)
            messages.info(request, gettext("Your session has ended. Sign in to go on."))
            raise ImmediateHttpResponse(redirect("account_login"))
        super().login(request, user)

    def logout(self, request: HttpRequest) -> None:
        """Sign the agent out everywhere: also where a session was left open."""
        if isinstance(request.user, Agent):
            end_all_sessions(request.user)
        super().logout(request)

    def is_reauthentication_required(self, *, app: str, **_details: Any) -> bool:
        return not is_fresh(context.request)


class AgentMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth is untyped
    """Says in our words what is wrong with a second factor."""

    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("This code is not valid, or was used before. Wait for the next one."),
    }

    def encrypt(self, text: str) -> str:
        """Keep secrets of second factors from whoever reads the database or a backup alone."""
        from accounts.sealing import sealed  # noqa: PLC0415 # brings a library along

        return sealed(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Give a secret back."""
        from accounts.sealing import unsealed  # noqa: PLC0415

        return unsealed(encrypted_text)

    def generate_authenticator_name(self, user: Agent, type: Any) -> str:  # noqa: A002 # allauth's
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey %(number)s") % {"number": number}


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Give the name under which failed passwords are counted.

    Names are found whatever their case, so each way to write one counts for the same agent. Of one
    that is nobody's a mark is counted: somebody may have typed a password in its place.
    """
    typed = (credentials or {}).get("username") or request.POST.get("login", "")
    agent = get_user_by_username(typed)
    return agent.get_username() if agent else mark_of(typed.lower())


def client_in_logs(
    username: str | None, ip_address: str | None, *_others: object, **_more: object
) -> str:
    """Name who failed to sign in for the log: never by what was typed, which may be a password."""
    agent = get_user_by_username(username) if username else None
    who = f"agent {agent.pk}" if agent else "an unknown name"
    return f"{who} at {ip_address or 'an unknown address'}"


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether the agent signed in, or signed in again, a moment ago."""
    if not isinstance(request.user, Agent):
        return False
    age_s = time.time() - last_sign_in(request.session, request.user)
    return age_s < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def sign_in_again(request: HttpRequest) -> HttpResponseRedirect:
    """Lead to a fresh sign-in and back to the page.

    What was posted is not kept: it may hold a password.
    """
    query = urlencode({"next": request.get_full_path()})
    return redirect(f"{reverse('account_reauthenticate')}?{query}")
