"""Records what sign-in and its libraries tell by signals: who came, who could not, with what."""

from dataclasses import replace
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import Signal
from django.http import HttpRequest

from accounts.models import Act, Agent
from accounts.services.audit import Deed, Values, about_agent, record_alone
from accounts.services.refusals import record_failed_sign_in, record_lock_out

# The names of the pages that agents sign out by: ours, and the admin's.
_LOG_OUT: Final = ("account_logout", "logout")


def listen() -> None:
    """Hear every signal that is to be recorded; of apps that are not installed there are none."""
    heard: list[tuple[Signal, Any]] = [
        (user_logged_in, _signed_in),
        (user_logged_out, _signed_out),
        (user_login_failed, _sign_in_failed),
    ]
    if apps.is_installed("allauth.mfa"):
        from allauth.mfa import signals as factors  # noqa: PLC0415 # needs its app

        heard += [
            (factors.authenticator_added, _factor_added),
            (factors.authenticator_removed, _factor_removed),
            (factors.authenticator_reset, _factor_renewed),
            (factors.authentication_failed, _factor_failed),
        ]
    if apps.is_installed("axes"):
        from axes.signals import user_locked_out  # noqa: PLC0415 # needs its app

        heard.append((user_locked_out, _locked_out))
    for signal, receiver in heard:
        signal.connect(receiver, dispatch_uid=f"audit {receiver.__name__}")


def _signed_in(*, user: Agent, **_more: object) -> None:
    _record_own(Deed(act=Act.SIGN_IN), user)


def _signed_out(*, request: HttpRequest, user: Agent | None, **_more: object) -> None:
    if isinstance(user, Agent):
        match = request.resolver_match
        # Else the session was over, and the portal has ended it.
        is_asked_for = match is not None and match.url_name in _LOG_OUT
        _record_own(Deed(act=Act.SIGN_OUT if is_asked_for else Act.SESSION_END), user)


def _sign_in_failed(*, credentials: dict[str, Any], **_more: object) -> None:
    record_failed_sign_in(str(credentials.get("username") or ""), reason="credentials")


def _locked_out(
    *, username: str | None = None, request: HttpRequest | None = None, **_more: object
) -> None:
    # axes tells the name that it counts, which may be a mark of the one that was typed.
    credentials: dict[str, Any] = getattr(request, "axes_credentials", None) or {}
    record_lock_out(str(credentials.get("username") or username or ""))


def _factor_added(*, user: Agent, authenticator: Any, **_more: object) -> None:
    _record_own(Deed(act=Act.FACTOR_ADDED, after=_type_of(authenticator)), user)


def _factor_removed(*, user: Agent, authenticator: Any, **_more: object) -> None:
    _record_own(Deed(act=Act.FACTOR_REMOVED, before=_type_of(authenticator)), user)


def _factor_renewed(*, user: Agent, authenticator: Any, **_more: object) -> None:
    _record_own(Deed(act=Act.FACTOR_RENEWED, after=_type_of(authenticator)), user)


def _factor_failed(*, user: Agent, **_more: object) -> None:
    record_failed_sign_in(user.username, reason="second_factor")


def _record_own(deed: Deed, user: Agent) -> None:
    record_alone(replace(deed, about=about_agent(user)), by=user)


def _type_of(authenticator: Any) -> Values:
    return {"type": str(authenticator.type)}
