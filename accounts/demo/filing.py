"""Files what the demonstration's events are about: branches, tellers, accounts."""

from datetime import datetime

from accounts.demo.customers import QUIET_ACCOUNTS, customers
from accounts.demo.names import BRANCHES, TELLERS
from accounts.models import Account, Agent, Branch, Role
from accounts.selectors.outcomes import unfiled
from accounts.services.filing import add_accounts


def file_demonstration() -> datetime:
    """File three branches, their tellers and 300 accounts, and give the moment of the first time.

    May be repeated: what is filed stays as it is, and the moment the same.
    """
    branches = _three_branches()
    for branch, people in zip(branches, TELLERS, strict=True):
        _file_tellers(branch, people)
    made = customers()
    missing = set(unfiled([each.number for each in made]))
    add_accounts(
        [
            Account(number=each.number, holder=each.holder, branch=branches[each.branch])
            for each in made
            if each.number in missing
        ]
    )
    _name_quiet_accounts(branches[0])
    return Account.objects.get(number=made[0].number).created_at


def _three_branches() -> list[Branch]:
    for code, name in BRANCHES:
        if Branch.objects.count() < len(BRANCHES):
            Branch.objects.get_or_create(code=code, defaults={"name": name})
    return list(Branch.objects.order_by("id")[: len(BRANCHES)])


def _file_tellers(branch: Branch, people: tuple[tuple[str, str, str], ...]) -> None:
    for username, first_name, last_name in people:
        if not Agent.objects.filter(username=username).exists():
            # Without a password nobody signs in by these names.
            Agent.objects.create_user(
                username,
                first_name=first_name,
                last_name=last_name,
                role=Role.TELLER,
                branch=branch,
            )


def _name_quiet_accounts(branch: Branch) -> None:
    add_accounts([Account(number=each.number, branch=branch) for each in QUIET_ACCOUNTS])
    for each in QUIET_ACCOUNTS:
        account = Account.objects.filter(number=each.number)
        account.filter(holder="").update(holder=each.holder)
        account.filter(branch=None).update(branch=branch)
