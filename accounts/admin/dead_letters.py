"""Dead letters in the admin: what they are, what was decided about each, and what came of it."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import SearchedExactly, WatchedAdmin, WatchedList, watcher
from accounts.admin.deciding import DecidingAdmin
from accounts.admin.filters import DeadReasonFilter, DecisionFilter
from accounts.admin.shown import NOTHING, digest, moment, search_link, short_id, text_of
from accounts.events import account_in, without_quotes
from accounts.models import ADMIN_ROLES, BRANCH_ROLES, Agent, DeadLetter, Role
from accounts.selectors.dead_letters import Fate, Followed, followed
from accounts.selectors.scope import dead_letters_seen_by, sees_every_branch

_FATES: dict[Fate, Any] = {
    "undecided": _("Undecided"),
    "discarded": _("Discarded"),
    "retried": _("Redriven, on its way"),
    "posted": _("Redriven, posted"),
    "rejected": _("Redriven, rejected"),
    "dead": _("Redriven, dead again"),
}


class DeadLetterList(WatchedList):
    """Knows of each row what was decided and what came of it: three queries for a page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        for letter, found in zip(self.result_list, followed(self.result_list), strict=True):
            letter.followed = found


@admin.register(DeadLetter)
class DeadLetterAdmin(DecidingAdmin, SearchedExactly, WatchedAdmin):
    """Messages that could not be understood; with their bytes, but for operators."""

    seen_by = dead_letters_seen_by
    viewed_by = ADMIN_ROLES
    # What may be any customer's; digest and link tell whether a guess of it is right.
    of_every_branch = ("key", "value", "detail", "digest", "link")
    left_out_of_lists = ("value",)
    ordering = ("-id",)
    list_filter = (DecisionFilter, DeadReasonFilter)
    change_form_template = "admin/dead_letter.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DeadLetterList]:
        return DeadLetterList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        agent = watcher(request)
        content = () if _is_operator(agent) else ("key_shown",)
        place = ("id", "partition", "offset", "fate_shown", "decided_by", "reason")
        return (*place, *content, _detail_for(agent), "id_shown", "logged_shown")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (
            "log",
            "partition",
            "offset",
            *_content_for(watcher(request)),
            "logged_shown",
            "concluded_shown",
            "fate_shown",
            "decided_by",
            "decided_at",
            "decided_why",
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> DeadLetter | None:
        letter = super().get_object(request, object_id, from_field)
        return letter and _with_its_decision(letter)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        actions: Any = self.get_actions(request)
        context = {"deciding": [(name, text) for _act, name, text in actions.values()]}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def _of_account(
        self, queryset: QuerySet[DeadLetter], number: str, agent: Agent
    ) -> QuerySet[DeadLetter]:
        return queryset.none() if _is_operator(agent) else queryset.filter(key=number.encode())

    @admin.display(description=_("transaction"))
    def id_shown(self, letter: DeadLetter) -> str:
        return short_id(letter.transaction_id)

    @admin.display(description=_("key"))
    def key_shown(self, letter: DeadLetter) -> str:
        return text_of(letter.key)

    @admin.display(description=_("value"))
    def value_shown(self, letter: DeadLetter) -> str:
        return text_of(letter.value)

    @admin.display(description=_("value"))
    def own_value_shown(self, letter: DeadLetter) -> str:
        """Show a branch only what is about the account that the key names."""
        if _is_about_its_key(letter):
            return text_of(letter.value)
        return str(_("Shown to auditors and administrators only."))

    @admin.display(description=_("detail"))
    def own_detail(self, letter: DeadLetter) -> str:
        """Show what is wrong, without what it quotes of a message that may be anybody's."""
        return without_quotes(letter.detail)

    @admin.display(description=_("entry"))
    def entry(self, letter: DeadLetter) -> SafeString | str:
        return search_link("entry", letter.transaction_id) if letter.transaction_id else NOTHING

    @admin.display(description=_("submission"))
    def submission(self, letter: DeadLetter) -> SafeString | str:
        found = letter.transaction_id
        return search_link("submission", found) if found else NOTHING

    @admin.display(description=_("logged at"))
    def logged_shown(self, letter: DeadLetter) -> str:
        return moment(letter.logged_at_ms)

    @admin.display(description=_("concluded at"))
    def concluded_shown(self, letter: DeadLetter) -> str:
        return moment(letter.concluded_at_ms)

    @admin.display(description=_("digest of key and value"))
    def digest_shown(self, letter: DeadLetter) -> str:
        return digest(letter.digest)

    @admin.display(description=_("link of the chain"))
    def link_shown(self, letter: DeadLetter) -> str:
        return digest(letter.link)

    @admin.display(description=_("decision"))
    def fate_shown(self, letter: DeadLetter) -> str:
        found = _followed(letter)
        if found.died_at is None:
            return str(_FATES[found.fate])
        return gettext("Redriven, dead again at %(place)s") % {"place": found.died_at}

    @admin.display(description=_("decided by"))
    def decided_by(self, letter: DeadLetter) -> str:
        decision = _followed(letter).decision
        return decision.decided_by if decision else NOTHING

    @admin.display(description=_("decided at"))
    def decided_at(self, letter: DeadLetter) -> str:
        decision = _followed(letter).decision
        return moment(decision.decided_at_ms if decision else None)

    @admin.display(description=_("reason for the decision"))
    def decided_why(self, letter: DeadLetter) -> str:
        decision = _followed(letter).decision
        return decision.reason if decision and decision.reason else NOTHING


def _content_for(agent: Agent) -> tuple[str, ...]:
    if _is_operator(agent):
        return ("reason", _detail_for(agent), "transaction_id")
    value = "own_value_shown" if agent.role in BRANCH_ROLES else "value_shown"
    about = ("reason", _detail_for(agent), "transaction_id", "entry", "submission")
    proof = ("digest_shown", "link_shown") if sees_every_branch(agent) else ()
    return ("key_shown", value, *about, *proof)


def _detail_for(agent: Agent) -> str:
    return "detail" if sees_every_branch(agent) else "own_detail"


def _with_its_decision(letter: Any) -> DeadLetter:
    letter.followed = followed([letter])[0]
    return cast(DeadLetter, letter)


def _followed(letter: Any) -> Followed:
    return cast(Followed, letter.followed)


def _is_operator(agent: Agent) -> bool:
    return agent.role == Role.OPERATOR


def _is_about_its_key(letter: DeadLetter) -> bool:
    named = account_in(bytes(letter.value or b""))
    return named is not None and named.encode() == bytes(letter.key or b"")
