"""Deciding about dead letters in the admin: its two actions, and the page that asks why."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.admin.base import watcher
from accounts.database_troubles import CANNOT_SERVE
from accounts.models import DeadLetter
from accounts.selectors.dead_letters import in_batches
from accounts.services.dead_letters import (
    REASON_LENGTH,
    ReasonRefused,
    Verdict,
    discard,
    redrive,
)

# Django's admin takes type arguments for the type checker only.
if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[DeadLetter]
else:
    _ModelAdmin = admin.ModelAdmin

# Refusals said one by one; further ones are counted.
MOST_REFUSALS_SAID = 10

Decide = Callable[[Sequence[int]], Iterable[Verdict]]


class DiscardForm(forms.Form):
    """Why dead letters are discarded."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=REASON_LENGTH)


class DecidingAdmin(_ModelAdmin):
    """Redrives and discards what is chosen, for those whose role decides; by POST alone."""

    actions = ("redrive_letters", "discard_letters")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Say whether the agent may redrive and discard. The service asks again."""
        return watcher(request).decides_dead_letters

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[DeadLetter], *more: Any, **named: Any
    ) -> HttpResponse | None:
        try:
            return super().response_action(request, queryset, *more, **named)
        except (ValueError, OverflowError) as reason:
            raise BadRequest("What was chosen is no dead letter.") from reason

    @admin.action(permissions=["decide"], description=gettext_lazy("Redrive: publish once more"))
    def redrive_letters(self, request: HttpRequest, chosen: QuerySet[DeadLetter]) -> None:
        """Publish the chosen ones once more."""
        act = partial(redrive, by=watcher(request))
        done = self._decide(request, chosen, act)
        text = ngettext(
            "%(count)d dead letter is published once more.",
            "%(count)d dead letters are published once more.",
            done,
        )
        self._say_done(request, done, text)

    @admin.action(permissions=["decide"], description=gettext_lazy("Discard: leave as it is"))
    def discard_letters(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter]
    ) -> HttpResponse | None:
        """Discard the chosen ones, once the page that asks why has its answer."""
        form = DiscardForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            return self._ask_why(request, chosen, form)
        act = partial(discard, by=watcher(request), reason=form.cleaned_data["reason"])
        try:
            done = self._decide(request, chosen, act)
        except ReasonRefused as refused:
            form.add_error("reason", str(refused))
            return self._ask_why(request, chosen, form)
        text = ngettext(
            "%(count)d dead letter is discarded.", "%(count)d dead letters are discarded.", done
        )
        self._say_done(request, done, text)
        return None

    def _decide(self, request: HttpRequest, chosen: QuerySet[DeadLetter], act: Decide) -> int:
        """Decide batch by batch and say what is refused; give how many were decided."""
        done, refused = 0, 0
        try:
            for batch in in_batches(chosen):
                for each in act(batch):
                    done += each.is_done
                    refused += not each.is_done
                    if each.refusal and refused <= MOST_REFUSALS_SAID:
                        self._warn(request, f"{each.place}: {each.refusal}")
        except CANNOT_SERVE:
            self._warn(request, _("The database could not write now. Choose the rest again."))
        if refused > MOST_REFUSALS_SAID:
            more = refused - MOST_REFUSALS_SAID
            self._warn(
                request,
                ngettext("%(count)d more is refused.", "%(count)d more are refused.", more)
                % {"count": more},
            )
        return done

    def _ask_why(
        self, request: HttpRequest, chosen: QuerySet[DeadLetter], form: DiscardForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Discard dead letters"),
            "opts": self.opts,
            "form": form,
            "count": chosen.count(),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "is_across": request.POST.get("select_across") == "1",
        }
        return TemplateResponse(request, "admin/discard_dead_letters.html", context)

    def _say_done(self, request: HttpRequest, done: int, text: str) -> None:
        if done:
            self.message_user(request, text % {"count": done}, messages.SUCCESS)

    def _warn(self, request: HttpRequest, text: str) -> None:
        self.message_user(request, text, messages.WARNING)
