"""Django's name for the bank."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The app of the bank."""

    name = "accounts"
    verbose_name = _("Bank")
