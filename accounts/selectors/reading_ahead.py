"""Reads into memory what the first looks of a process would have to wait for."""

import logging
from typing import Final

from django.db import Error as DatabaseError

from accounts.models import Agent, Role
from accounts.selectors.filters import Filter
from accounts.selectors.panels import PANELS, Asked, read_panels
from accounts.selectors.snapshot import snapshot
from accounts.selectors.transactions import transactions_page

log = logging.getLogger(__name__)

_LOOKED_AT: Final = (Filter("30d"), Filter())


def read_ahead() -> None:
    """Look at what dashboards and lists begin with, for nobody; from any thread, and once.

    Without it the first look at all dates takes a second with a million transactions. Where the
    database does not answer, that look will take it.
    """
    watching = Agent(role=Role.AUDITOR)
    try:
        for chosen in _LOOKED_AT:
            with snapshot():
                read_panels(watching, chosen, map(Asked, PANELS))
        transactions_page(watching, Filter(), order="-amount")
    except DatabaseError as reason:
        log.info("Nothing could be read ahead: %s", reason)
