"""Every address of the site."""

from collections.abc import Callable

from allauth.account import views as allauth_views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as passkey_views
from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, include, path
from django.views.decorators.http import require_http_methods

from accounts.views.own_sign_in import own_password, own_sessions, passkeys, session_state
from bankportal import health
from bankportal.styleguide import styleguide


def page(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """Give one address for what browsers do; allauth's views would take other methods too."""
    return path(route, require_http_methods(["GET", "HEAD", "POST"])(view), name=name)


# Only these of allauth's pages exist here: no sign-up, no e-mail, no reset.
auth_urls = [
    page("login/", allauth_views.login, "account_login"),
    page("logout/", allauth_views.logout, "account_logout"),
    page("again/", allauth_views.reauthenticate, "account_reauthenticate"),
    page("password/", own_password, "account_change_password"),
    page("session/", session_state, "session_state"),
    page("sessions/", own_sessions, "own_sessions"),
    page("factors/", mfa_views.index, "mfa_index"),
    page("factors/login/", mfa_views.authenticate, "mfa_authenticate"),
    page("factors/again/", mfa_views.reauthenticate, "mfa_reauthenticate"),
    page("factors/app/", totp_views.activate_totp, "mfa_activate_totp"),
    page("factors/app/remove/", totp_views.deactivate_totp, "mfa_deactivate_totp"),
    page("factors/codes/", code_views.view_recovery_codes, "mfa_view_recovery_codes"),
    page(
        "factors/codes/new/",
        code_views.generate_recovery_codes,
        "mfa_generate_recovery_codes",
    ),
    page(
        "factors/codes/codes.txt",
        code_views.download_recovery_codes,
        "mfa_download_recovery_codes",
    ),
    page("passkeys/", passkeys, "mfa_list_webauthn"),
    page("passkeys/login/", passkey_views.login_webauthn, "mfa_login_webauthn"),
    page(
        "passkeys/again/",
        passkey_views.reauthenticate_webauthn,
        "mfa_reauthenticate_webauthn",
    ),
    page("passkeys/add/", passkey_views.add_webauthn, "mfa_add_webauthn"),
    page("passkeys/<int:pk>/", passkey_views.edit_webauthn, "mfa_edit_webauthn"),
    page("passkeys/<int:pk>/remove/", passkey_views.remove_webauthn, "mfa_remove_webauthn"),
]

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("streaming.urls")),
    path("auth/", include(auth_urls)),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("styleguide/", styleguide, name="styleguide"),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
]

handler500 = "bankportal.errors.page_failed"
