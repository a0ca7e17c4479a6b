"""Django's admin with a site of the bank's own in its place."""

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig

SHOWN_APP = "accounts"


class BankAdminConfig(AdminConfig):
    """The admin, showing the bank's tables alone: what other apps register is taken out."""

    default_site = "accounts.admin_site.BankAdminSite"

    def ready(self) -> None:
        super().ready()
        foreign = [model for model in admin.site._registry if model._meta.app_label != SHOWN_APP]
        admin.site.unregister(foreign)
