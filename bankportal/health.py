"""Whether this web process lives, and whether it can serve: for supervisors and load balancers."""

from collections.abc import Callable
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from bankportal.migrations_due import migrations_due

OK = "ok"


@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """Answer: that is all there is to show."""
    return JsonResponse({"status": OK})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503; each check is named with what it found.

    Kafka is none of them: without it submissions are accepted and wait.
    """
    found = {name: check() for name, check in CHECKS.items()}
    is_ready = all(result == OK for result in found.values())
    return JsonResponse(
        {"status": OK if is_ready else "not ready", "checks": found},
        status=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "not reachable"
    return OK


def _migrations() -> str:
    try:
        due = migrations_due()
    except DatabaseError:
        return "unknown"
    return f"{due} to apply: manage.py migrate" if due else OK


CHECKS: dict[str, Callable[[], str]] = {"database": _database, "migrations": _migrations}
