"""Every address of the site."""

from allauth.account import views as allauth_views
from django.contrib import admin
from django.urls import include, path

from bankportal import health
from bankportal.styleguide import styleguide

# Only these of allauth's pages exist here: no sign-up, no e-mail, no reset.
auth_urls = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
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
