"""Rights asked for once more, in the transaction of what is done by them."""

from django.core.exceptions import PermissionDenied

from accounts.models import Agent


def refuse_who_lost_the_right(agent: Agent, *beside: Agent) -> None:
    """Raise ``PermissionDenied`` for an agent who was disabled, moved or given another role.

    Since the request came it may have waited for others who write, or made a hash, for seconds.
    Must run inside ``atomic``: until that ends nobody changes ``agent``, or those ``beside``. On
    PostgreSQL the change would else come between, and its record before that of what was done.
    """
    # In one order, so that no two wait for each other. SQLite has one writer at a time anyway.
    rows = Agent.objects.filter(pk__in=[each.pk for each in (agent, *beside)]).order_by("pk")
    held = rows.select_for_update(no_key=True).values_list("pk", "is_active", "role", "branch_id")
    if (agent.pk, True, agent.role, agent.branch_id) not in set(held):
        raise PermissionDenied
