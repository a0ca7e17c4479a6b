"""Django's name for the bank."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The app of the bank."""

    name = "accounts"
    verbose_name = _("Bank")

    def ready(self) -> None:
        from accounts.services.access_audit import listen  # noqa: PLC0415 # needs the models

        listen()
