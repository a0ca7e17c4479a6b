"""What no password may be, besides what Django refuses."""

from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import Agent, Branch

# What anybody who knows the portal tries first, besides the names of the bank's branches.
WORDS_OF_OURS: Final = frozenset(
    {
        *("bankportal", "portal", "portail", "bank", "banque", "password", "motdepasse", "passe"),
        *("teller", "guichetier", "guichet", "supervisor", "superviseur", "responsable"),
        *("auditor", "auditeur", "operator", "administrator", "administrateur", "admin"),
    }
)
# So much has to be left of a password when such words are taken out of it.
LEAST_LEFT: Final = 8
# Shorter ones, as of a street, are in many words that say nothing of a branch.
LEAST_NAME: Final = 4


class NotOurWords:
    """Refuses passwords that are little more than words of the portal and of the bank."""

    def validate(self, password: str, user: Agent | None = None) -> None:
        """Raise ``ValidationError`` for such a password; whose it is to be changes nothing."""
        left = "".join(password.casefold().split())
        # The longest first, so that nothing is left of one that holds another.
        for word in sorted(self._words(), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < LEAST_LEFT:
            raise ValidationError(self._text(), code="password_of_our_words")

    def get_help_text(self) -> str:
        """Say the rule."""
        return self._text()

    def _text(self) -> str:
        return _("Choose more than words of the bank and of this portal, which others try first.")

    def _words(self) -> set[str]:
        branches = Branch.objects.values_list("code", "name")
        of_the_bank = {
            part for texts in branches for text in texts for part in text.casefold().split()
        }
        return {*WORDS_OF_OURS, *(part for part in of_the_bank if len(part) >= LEAST_NAME)}
