"""Agents who may see the same rows, so that what they see is read and encoded once."""

from dataclasses import dataclass

from accounts.models import BRANCH_ROLES, Agent, Role


@dataclass(frozen=True, slots=True)
class Audience:
    """All agents of one branch, or (without a branch) all who watch the whole bank."""

    branch_id: int | None

    def member(self) -> Agent:
        """Give an agent who stands for the audience in selectors; not one of the database."""
        role = Role.AUDITOR if self.branch_id is None else Role.TELLER
        return Agent(role=role, branch_id=self.branch_id)

    def sees(self, branch_id: int | None) -> bool:
        """Tell whether rows of an account that ``branch_id`` keeps are for this audience."""
        return self.branch_id is None or self.branch_id == branch_id


def audience_of(agent: Agent) -> Audience | None:
    """Give the audience that ``agent`` belongs to; None for who may see no customer data."""
    if not agent.is_active or not agent.sees_customers:
        return None
    return Audience(agent.branch_id if agent.role in BRANCH_ROLES else None)
