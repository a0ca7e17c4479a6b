"""Agents of the bank and the branches they work in."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class Branch(models.Model):
    """A place of the bank. Accounts and agents belong to one."""

    code = models.SlugField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("branch")
        verbose_name_plural = _("branches")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What an agent is there for; decides what the agent may see and do."""

    TELLER = "teller", _("Teller")
    SUPERVISOR = "supervisor", _("Supervisor")
    AUDITOR = "auditor", _("Auditor")
    OPERATOR = "operator", _("Operator")
    ADMINISTRATOR = "administrator", _("Administrator")


# Tellers and supervisors work for one branch; the others for the whole bank.
BRANCH_ROLES = (Role.TELLER, Role.SUPERVISOR)

# Who looks into the admin; what each finds there is for the pages of each table to say.
ADMIN_ROLES = (Role.SUPERVISOR, Role.AUDITOR, Role.OPERATOR, Role.ADMINISTRATOR)

# Who reads the audit log: it tells of every branch, and of what each agent did.
AUDIT_ROLES = (Role.AUDITOR, Role.ADMINISTRATOR)


class AgentManager(UserManager["Agent"]):
    """Makes agents; a superuser is an administrator, who needs no branch."""

    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> "Agent":
        fields.setdefault("role", Role.ADMINISTRATOR)
        return super().create_superuser(username, email, password, **fields)


def full_name(username: str, first_name: str, last_name: str) -> str:
    """Give what an agent is called: by both names, by the username where there is none."""
    return f"{first_name} {last_name}".strip() or username


class Agent(AbstractUser):
    """Someone who signs in. Tellers and supervisors have a branch, held by the database."""

    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.TELLER)
    branch = models.ForeignKey(
        Branch, models.PROTECT, verbose_name=_("branch"), null=True, blank=True
    )
    # A password that somebody else has given opens nothing but the page to change it.
    must_change_password = models.BooleanField(
        _("must change the password"), default=False, editable=False
    )
    # How often all sessions of the agent were ended. Each session knows the number of its time.
    sessions_ended = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[AgentManager] = AgentManager()

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="agent_role_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(role__in=BRANCH_ROLES) | models.Q(branch__isnull=False),
                name="agent_of_a_branch_has_one",
                violation_error_message=_("Tellers and supervisors need a branch."),
            ),
        )

    def __str__(self) -> str:
        return full_name(self.username, self.first_name, self.last_name)

    def check_password(self, raw_password: str | None) -> bool:
        """Look at a password; where hashes are made otherwise by now, keep it so.

        Django's would write it also where another one has been given in that second.
        """

        def keep(password: str) -> None:
            encoded = make_password(password)
            as_read = Agent.objects.filter(pk=self.pk, password=self.password)
            if as_read.update(password=encoded):
                self.password = encoded

        return check_password(raw_password, self.password, keep)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Let a session end with its password, as Django does, and when all are ended."""
        kept = f"{self.password} {self.sessions_ended}"
        return salted_hmac(
            "accounts.Agent.session", kept, secret=secret, algorithm="sha256"
        ).hexdigest()

    @property
    def may_submit(self) -> bool:
        """Whether the agent may submit transactions: tellers and supervisors."""
        return self.role in BRANCH_ROLES

    @property
    def sees_customers(self) -> bool:
        """Whether customer data may be shown at all; operators see none."""
        return self.role != Role.OPERATOR

    @property
    def decides_dead_letters(self) -> bool:
        """Whether the agent may redrive and discard dead letters.

        Operators look after them, and administrators see what is in them. To redrive is not to
        submit: the bytes are those that were published before, and nobody can change them.
        """
        return self.is_active and self.role in {Role.OPERATOR, Role.ADMINISTRATOR}

    @property
    def keeps_team(self) -> bool:
        """Whether the agent helps others to sign in: supervisors and administrators."""
        return self.is_active and self.role in {Role.SUPERVISOR, Role.ADMINISTRATOR}

    @property
    def sees_audit(self) -> bool:
        """Whether the audit log opens: to auditors and administrators."""
        return self.is_active and self.role in AUDIT_ROLES

    @property
    def sees_admin(self) -> bool:
        """Whether the admin opens for the agent. Django's staff flag decides nothing here."""
        return self.is_active and self.role in ADMIN_ROLES
