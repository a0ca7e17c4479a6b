"""Django's createsuperuser, whose administrator is in the audit log like any other agent."""

from typing import Any

from django.contrib.auth.management.commands.createsuperuser import Command as DjangosCommand
from django.db.transaction import atomic

from accounts.models import Act, Agent
from accounts.services.audit import Deed, about_agent, record


class Command(DjangosCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        with atomic():
            last = Agent.objects.order_by("pk").last()
            super().handle(*args, **options)
            made = Agent.objects.filter(pk__gt=last.pk if last else 0)
            record(*(Deed(act=Act.AGENT_ADDED, about=about_agent(each)) for each in made))
