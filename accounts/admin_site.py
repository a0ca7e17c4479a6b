"""The admin's front: who gets in, by the same door as everywhere else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Agent
from accounts.selectors.sessions import Standing, standing_of


class BankAdminSite(AdminSite):
    """Opens by role rather than by Django's staff flag, and has no sign-in of its own."""

    site_title = _("Bank administration")
    site_header = _("Bank administration")
    index_title = _("Tables")
    site_url = "/"
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        agent = request.user
        return (
            isinstance(agent, Agent)
            and agent.sees_admin
            and standing_of(request.session, agent) is Standing.SIGNED_IN
        )

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Find nothing at an address that no database can be asked for, as one with NUL."""
        page: Callable[..., HttpResponse] = super().admin_view(view, cacheable)

        @wraps(page)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return page(request, *args, **kwargs)
            except DataError as reason:
                if request.method == "POST":
                    raise
                raise Http404 from reason

        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.user.is_authenticated:
            # Back to the sign-in would come straight back here, again and again.
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def password_change(  # type: ignore[override] # a redirect, as for the sign-in
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        return redirect("account_change_password")

    def logout(  # type: ignore[override] # a redirect to our own page in place of one more page
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        get_adapter().logout(request)
        return redirect(settings.LOGOUT_REDIRECT_URL)
