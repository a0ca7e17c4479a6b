"""Every address of the site."""

from allauth.account import views as allauth_views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.recovery_codes import views as code_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as passkey_views
from django.contrib import admin
from django.urls import include, path

from accounts.views.own_sign_in import (
    PasskeyAgainView,
    PasskeyAloneView,
    own_app,
    own_codes,
    own_factor,
    own_password,
    own_sessions,
    passkeys,
    session_state,
)
from bankportal import health
from bankportal.metrics_page import metrics
from bankportal.styleguide import styleguide

# Only these of allauth's pages exist here: no sign-up, no e-mail, no reset.
auth_urls = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("again/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("password/", own_password, name="account_change_password"),
    path("session/", session_state, name="session_state"),
    path("sessions/", own_sessions, name="own_sessions"),
    path("factors/", mfa_views.index, name="mfa_index"),
    path("factors/login/", mfa_views.authenticate, name="mfa_authenticate"),
    path("factors/again/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("factors/app/", own_app, name="mfa_activate_totp"),
    path("factors/app/remove/", own_factor(totp_views.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "factors/codes/",
        own_codes(code_views.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "factors/codes/new/",
        own_factor(code_views.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "factors/codes/codes.txt",
        own_codes(code_views.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("passkeys/", passkeys, name="mfa_list_webauthn"),
    path("passkeys/login/", PasskeyAloneView.as_view(), name="mfa_login_webauthn"),
    path(
        "passkeys/again/",
        PasskeyAgainView.as_view(),
        name="mfa_reauthenticate_webauthn",
    ),
    path("passkeys/add/", own_factor(passkey_views.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/", own_factor(passkey_views.edit_webauthn), name="mfa_edit_webauthn"),
    path(
        "passkeys/<int:pk>/remove/",
        own_factor(passkey_views.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
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
    path("metrics", metrics, name="metrics"),
]

handler400 = "bankportal.errors.not_understood"
handler404 = "bankportal.errors.not_found"
handler500 = "bankportal.errors.page_failed"
