"""What the console hears of dead letters."""

import logging
from collections.abc import Sequence

from accounts.events import without_quotes
from accounts.ledger.conclusions import Dead
from streaming.counting import counted

log = logging.getLogger(__name__)


def tell_of_dead_letters(dead: Sequence[Dead]) -> None:
    """Say in one line how many dead letters a batch had, and where and why the first one is."""
    if not dead:
        return
    first = dead[0].refused
    log.warning(
        "%s set aside; the first on partition %d at offset %d: %s (%s).",
        counted(len(dead), "dead letter"),
        first.message.partition,
        first.message.offset,
        first.reason,
        without_quotes(first.detail).rstrip("."),
    )
