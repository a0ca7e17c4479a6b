"""How agents sign in: through allauth, with neither sign-up nor reset by e-mail."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AgentAdapter(DefaultAccountAdapter):
    """Closes the doors that a bank does not have."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
