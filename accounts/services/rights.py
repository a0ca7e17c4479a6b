"""Rights asked for once more, in the transaction of what is done by them."""

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.transaction import TransactionManagementError

from accounts.models import Agent

# Part of each submission, which Django's own way to ask would take a tenth longer.
_HELD = "SELECT id, is_active, role, branch_id FROM accounts_agent WHERE id IN ({}) ORDER BY id"


def refuse_who_lost_the_right(agent: Agent, *beside: Agent) -> None:
    """Raise ``PermissionDenied`` for an agent who was disabled, moved or given another role.

    Since the request came it may have waited for others who write, or made a hash, for seconds.
    Must run inside ``atomic``: until that ends nobody changes ``agent``, or those ``beside``. On
    PostgreSQL the change would else come between, and its record before that of what was done.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("Rights are held by a transaction, and there is none.")
    # In one order, so that no two wait for each other. SQLite has one writer at a time anyway.
    ids = [each.pk for each in (agent, *beside)]
    statement = _HELD.format(", ".join(["%s"] * len(ids)))
    if connection.vendor == "postgresql":
        statement += " FOR NO KEY UPDATE"
    with connection.cursor() as cursor:
        cursor.execute(statement, ids)
        if (agent.pk, True, agent.role, agent.branch_id) not in set(cursor.fetchall()):
            raise PermissionDenied
