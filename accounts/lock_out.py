"""How axes counts failed passwords here: with nothing of what was typed."""

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.http import HttpRequest, QueryDict


class CountingHandler(AxesDatabaseHandler):  # type: ignore[misc] # axes is untyped
    """axes' own, which would keep the fields of the form beside each failure.

    It masks one named ``password`` alone, and whoever changes theirs types the new one too.
    """

    def user_login_failed(
        self,
        sender: Any,
        credentials: dict[str, Any],
        request: HttpRequest | None = None,
        **more: Any,
    ) -> None:
        if request is None:
            return
        fields = request.GET, request.POST
        request.GET = request.POST = QueryDict()
        try:
            super().user_login_failed(sender, credentials, request, **more)
        finally:
            request.GET, request.POST = fields
