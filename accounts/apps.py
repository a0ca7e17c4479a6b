"""Django's name for the bank."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """The app of the bank."""

    name = "accounts"
    verbose_name = _("Bank")

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added, authenticator_removed  # noqa: PLC0415
        from django.contrib.auth.signals import user_logged_in  # noqa: PLC0415

        from accounts.services import access_audit, sessions  # noqa: PLC0415 # tables first

        access_audit.listen()
        user_logged_in.connect(sessions.begin_session)
        authenticator_added.connect(sessions.note_second_factor)
        authenticator_removed.connect(sessions.forget_second_factor)
