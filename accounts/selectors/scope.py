"""Which rows an agent may see. Every other selector for a page starts from one of these."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from accounts.models import BRANCH_ROLES, Account, Agent, DailyTotal, Entry, Submission

Rows = TypeVar("Rows", bound=Model)


def accounts_seen_by(agent: Agent) -> QuerySet[Account]:
    """Accounts of the agent's branch; all of them for those who watch the whole bank."""
    return _scoped(Account.objects.all(), agent, Q(branch_id=agent.branch_id))


def entries_seen_by(agent: Agent) -> QuerySet[Entry]:
    """Entries of the accounts that the agent may see."""
    return _scoped(Entry.objects.all(), agent, Q(account__branch_id=agent.branch_id))


def submissions_seen_by(agent: Agent) -> QuerySet[Submission]:
    """Submissions for the accounts that the agent may see."""
    return _scoped(Submission.objects.all(), agent, Q(account__in=_numbers(agent)))


def totals_seen_by(agent: Agent) -> QuerySet[DailyTotal]:
    """Daily totals of the accounts that the agent may see."""
    return _scoped(DailyTotal.objects.all(), agent, Q(account__in=_numbers(agent)))


def _numbers(agent: Agent) -> QuerySet[Account, str]:
    return Account.objects.filter(branch_id=agent.branch_id).values_list("number", flat=True)


def _scoped(rows: QuerySet[Rows], agent: Agent, own_branch: Q) -> QuerySet[Rows]:
    if not agent.is_active or not agent.sees_customers:
        return rows.none()
    return rows.filter(own_branch) if agent.role in BRANCH_ROLES else rows
