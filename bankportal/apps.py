"""How Django knows the site itself."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """The site. It has commands and checks of its own, and no tables."""

    name = "bankportal"
    verbose_name = "Site"

    def ready(self) -> None:
        from bankportal import checks  # noqa: F401, PLC0415 # registers them
