"""Agents and branches in the admin: the tables that administrators keep there."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    SetUnusablePasswordMixin,
    UserChangeForm,
)
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.transaction import atomic
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import WatchedAdmin, watcher
from accounts.admin.filters import BranchFilter
from accounts.admin.shown import row_link
from accounts.models import Act, Agent, Branch, Role
from accounts.selectors.audit import others_acted_under
from accounts.selectors.scope import agents_seen_by, branches_seen_by
from accounts.services.audit import Deed, Subject, about_agent, about_branch, changes, record
from accounts.services.rights import refuse_who_lost_the_right
from accounts.services.sessions import end_all_sessions
from accounts.sign_in import is_fresh, sign_in_again

# Django's admin takes type arguments for the type checker only.
if TYPE_CHECKING:
    _UserAdmin = UserAdmin[Agent]
    _PasswordForm = AdminPasswordChangeForm[Agent]
    _AgentForm = UserChangeForm[Agent]
    _NewAgentForm = AdminUserCreationForm[Agent]
else:
    _UserAdmin, _PasswordForm, _AgentForm = UserAdmin, AdminPasswordChangeForm, UserChangeForm
    _NewAgentForm = AdminUserCreationForm

_ABOUT: Any = (_("Person"), {"fields": ("first_name", "last_name", "email")})
# Of an agent; never the password, whose hash would be in the page.
_KEPT_IN_FORMS = {
    *("username", "first_name", "last_name", "email", "role", "branch", "is_active"),
}
_DUTY: Any = (_("Role"), {"fields": ("role", "branch")})


class KeptAdmin(WatchedAdmin):
    """Added and changed by administrators, seen by the others. Nothing is deleted.

    Each change is recorded in its own transaction, with what it changed.
    """

    added: ClassVar[Act]
    changed: ClassVar[Act]
    # How the audit log names a row, and the columns whose change it keeps.
    subject: ClassVar[Callable[[Any], Subject]]
    recorded: ClassVar[Sequence[str]]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        refuse_who_lost_the_right(watcher(request))
        former = self.model._default_manager.filter(pk=obj.pk).first() if change else None
        if change:
            # Nothing else: an agent may have signed out since, or have another password.
            obj.save(update_fields=form.changed_data)
            obj.refresh_from_db()
        else:
            super().save_model(request, obj, form, change)
        record(*self.deeds(former, obj), by=watcher(request))

    def deeds(self, former: Any, row: Any) -> Iterator[Deed]:
        """Give what is to be recorded of a row that was added, or was ``former`` before."""
        about = type(self).subject(row)
        before, after = changes(_values(former, self.recorded), _values(row, self.recorded))
        if former is None:
            yield Deed(act=self.added, about=about, after=after)
        elif after:
            yield Deed(act=self.changed, about=about, before=before, after=after)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return watcher(request).role == Role.ADMINISTRATOR

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return watcher(request).role == Role.ADMINISTRATOR


@admin.register(Branch)
class BranchAdmin(KeptAdmin):
    """The places of the bank."""

    added, changed = Act.BRANCH_ADDED, Act.BRANCH_CHANGED
    subject, recorded = about_branch, ("code", "name")
    seen_by = branches_seen_by
    ordering = ("name",)
    list_display = ("code", "name")
    search_fields = ("code", "name")
    fields = ("code", "name")


class AgentForm(_AgentForm):
    """Django's, which would give an agent the name of another in other letters.

    Sign-in finds names whatever their case: neither of the two could come in any more. And it would
    take for changed what somebody else has changed since the form was opened: it is sent with what
    it showed then.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _KEPT_IN_FORMS & self.fields.keys():
            is_sent = self.add_initial_prefix(name) in self.data
            self.fields[name].show_hidden_initial = is_sent or not self.is_bound

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        others = Agent.objects.exclude(pk=self.instance.pk)
        if others.filter(username__iexact=name).exists():
            raise self.instance.unique_error_message(Agent, ["username"])
        return _own_name(name, self.instance)


class NewAgentForm(_NewAgentForm):
    """Django's, which would give an agent a name under which another has acted."""

    def clean_username(self) -> str:
        name: str = super().clean_username()
        return _own_name(name, self.instance)


def _own_name(name: str, agent: Agent) -> str:
    """Refuse a name that somebody had before: what they did would be this agent's in each list."""
    if name and others_acted_under(name, agent):
        raise ValidationError(
            _("Another agent has acted under this name. Choose one that nobody had.")
        )
    return name


class PasswordForm(_PasswordForm):
    """Django's, for others' passwords: whoever gets one must change it at first use.

    Its help is in the reader's language: Django's is put together at its import.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "usable_password" in self.fields:
            self.fields["usable_password"].help_text = format_html(
                '{}<ul id="id_unusable_warning" class="messagelist">'
                '<li class="warning">{}</li></ul>',
                SetUnusablePasswordMixin.usable_password_help_text,
                gettext("If disabled, the agent’s present password is lost."),
            )

    def save(self, commit: bool = True) -> Agent:  # Django's
        self.user.must_change_password = True
        agent = super().save(commit=False)
        if commit:
            # Nothing else: the role may be another one since the agent was read.
            agent.save(update_fields=["password", "must_change_password"])
        return agent


@admin.register(Agent)
class AgentAdmin(KeptAdmin, _UserAdmin):
    """An agent who leaves is set inactive: what an agent did keeps the name."""

    added, changed = Act.AGENT_ADDED, Act.AGENT_CHANGED
    # Of one who is changed, role and branch are an act of their own.
    subject = about_agent
    recorded = ("username", "first_name", "last_name", "email", "is_active")
    seen_by = agents_seen_by
    ordering = ("username",)
    list_display = ("username", "first_name", "last_name", "role", "branch_link", "is_active")
    list_filter = ("role", "is_active", BranchFilter)
    list_select_related = ("branch",)
    search_fields = ("username", "first_name", "last_name")
    filter_horizontal = ()
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password")}),
        _ABOUT,
        _DUTY,
        (_("Access"), {"fields": ("is_active", "last_login", "date_joined")}),
    )
    add_fieldsets: Any = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "usable_password", "password1", "password2"),
            },
        ),
        _ABOUT,
        _DUTY,
    )
    form = AgentForm
    add_form = NewAgentForm
    change_password_form = PasswordForm
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agent]:
        return super().get_queryset(request).select_related("branch")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Take a fresh sign-in of who may change agents, before the form opens and is sent."""
        if watcher(request).role == Role.ADMINISTRATOR and not is_fresh(request):
            return sign_in_again(request)
        return super().changeform_view(request, object_id, form_url, extra_context)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 # Django's
        form_url: str = "",
    ) -> HttpResponse:
        """Give another agent a password, after a fresh sign-in; one's own is changed elsewhere."""
        # However the address writes the number: 5 is 05 as well.
        agent = self.get_object(request, unquote(id))
        if agent == watcher(request):
            return redirect("account_change_password")
        if not is_fresh(request):
            return sign_in_again(request)
        with atomic():
            refuse_who_lost_the_right(watcher(request))
            response = super().user_change_password(request, id, form_url)
            given = self.get_object(request, unquote(id))
            if agent and given and given.password != agent.password:
                record(Deed(act=Act.PASSWORD_GIVEN, about=about_agent(given)), by=watcher(request))
        return response

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        """Let a new agent choose a password at first use: this one was chosen for them.

        The sessions of who leaves are ended, so that none goes on should the agent come back.
        """
        if not change:
            obj.must_change_password = True
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            end_all_sessions(obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj):
            return shown
        # Not even the parameters of a password's hash are anybody else's business.
        return ((None, {"fields": ("username",)}), *shown[1:])

    def deeds(self, former: Agent | None, row: Agent) -> Iterator[Deed]:
        if former is None:
            after = {**_values(row, self.recorded), **_duty(row)}
            yield Deed(act=Act.AGENT_ADDED, about=about_agent(row), after=after)
            return
        yield from super().deeds(former, row)
        before, after = changes(_duty(former), _duty(row))
        if after:
            yield Deed(act=Act.ROLE_CHANGED, about=about_agent(row), before=before, after=after)

    @admin.display(description=_("branch"))
    def branch_link(self, agent: Agent) -> SafeString | str:
        return row_link("branch", agent.branch.pk, agent.branch.name) if agent.branch else ""


def _values(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names} if row else {}


def _duty(agent: Agent) -> dict[str, Any]:
    return {"role": agent.role, "branch": agent.branch.code if agent.branch else None}
