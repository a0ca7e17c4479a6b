"""Which rows an agent may see. Every other selector for a page starts from one of these."""

from typing import TypeVar

from django.db.models import BinaryField, Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Cast

from accounts.models import (
    BRANCH_ROLES,
    Account,
    Agent,
    AuditRecord,
    Branch,
    DailyTotal,
    DeadLetter,
    Entry,
    Outbox,
    Role,
    Submission,
)

Rows = TypeVar("Rows", bound=Model)


def sees_every_branch(agent: Agent) -> bool:
    """Tell whether nothing of any branch is kept from the agent."""
    return agent.is_active and agent.sees_customers and agent.role not in BRANCH_ROLES


def accounts_seen_by(agent: Agent) -> QuerySet[Account]:
    """Accounts of the agent's branch; all of them for those who watch the whole bank."""
    return _scoped(Account.objects.all(), agent, Q(branch_id=_branch_of(agent)))


def entries_seen_by(agent: Agent) -> QuerySet[Entry]:
    """Entries of the accounts that the agent may see."""
    # Asked of each entry, so that a page is read along the ledger's order. A join would start
    # from the branch's accounts and sort all their entries: 1.1 s instead of 2 ms at a million.
    own = Account.objects.filter(number=OuterRef("account_id"), branch_id=_branch_of(agent))
    return _scoped(Entry.objects.all(), agent, Q(Exists(own)))


def submissions_seen_by(agent: Agent) -> QuerySet[Submission]:
    """Submissions for the accounts that the agent may see."""
    # Asked of each, like entries: the first of a reference are found in 1 ms instead of 1 s.
    own = Account.objects.filter(number=OuterRef("account"), branch_id=_branch_of(agent))
    return _scoped(Submission.objects.all(), agent, Q(Exists(own)))


def totals_seen_by(agent: Agent) -> QuerySet[DailyTotal]:
    """Daily totals of the accounts that the agent may see."""
    return _scoped(DailyTotal.objects.all(), agent, Q(account__in=_numbers(agent)))


def outbox_seen_by(agent: Agent) -> QuerySet[Outbox]:
    """Outbox rows of the submissions that the agent may see; copies of dead letters besides."""
    return _scoped(Outbox.objects.all(), agent, Q(submission__account__in=_numbers(agent)))


def dead_letters_seen_by(agent: Agent) -> QuerySet[DeadLetter]:
    """Dead letters under the key of an account that the agent may see.

    The value beside such a key can still speak of another account. Operators look after all of
    them, without what may be a customer's: keys and values are not read for them.
    """
    if agent.is_active and agent.role == Role.OPERATOR:
        return DeadLetter.objects.defer("key", "value")
    keys = Account.objects.filter(branch_id=_branch_of(agent))
    own = keys.values_list(Cast("number", BinaryField()), flat=True)
    return _scoped(DeadLetter.objects.all(), agent, Q(key__in=own))


def agents_seen_by(agent: Agent) -> QuerySet[Agent]:
    """Agents of the agent's branch; all of them for those who watch the whole bank."""
    return _scoped(Agent.objects.all(), agent, Q(branch_id=_branch_of(agent)))


def team_of(agent: Agent) -> QuerySet[Agent]:
    """Whom the agent may help to sign in.

    Supervisors help the tellers of their branch, administrators everybody but themselves.
    """
    if not agent.keeps_team:
        return Agent.objects.none()
    if agent.role == Role.ADMINISTRATOR:
        return Agent.objects.exclude(pk=agent.pk)
    return Agent.objects.filter(role=Role.TELLER, branch_id=_branch_of(agent))


def branches_seen_by(agent: Agent) -> QuerySet[Branch]:
    """Branches: the agent's own; all of them for those who watch the whole bank."""
    return _scoped(Branch.objects.all(), agent, Q(pk=_branch_of(agent)))


def audit_seen_by(agent: Agent) -> QuerySet[AuditRecord]:
    """Audit records: all of them for auditors and administrators, none for anybody else."""
    records = AuditRecord.objects.all()
    return records if agent.sees_audit else records.none()


def _numbers(agent: Agent) -> QuerySet[Account, str]:
    return Account.objects.filter(branch_id=_branch_of(agent)).values_list("number", flat=True)


def _branch_of(agent: Agent) -> int:
    # No branch has the id 0; None would ask for the accounts that no branch has.
    return agent.branch_id or 0


def _scoped(rows: QuerySet[Rows], agent: Agent, own_branch: Q) -> QuerySet[Rows]:
    if not agent.is_active or not agent.sees_customers:
        return rows.none()
    return rows.filter(own_branch) if agent.role in BRANCH_ROLES else rows
