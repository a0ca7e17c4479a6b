"""What tests are made of: events, and messages as a log delivers them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from accounts.events import AccountOpened, Deposit, Event, Withdrawal, encode
from accounts.identifiers import new_transaction_id
from accounts.ledger.conclusions import Refused, Understood, understand
from accounts.ledger.identity import identity_of, recognise_log
from accounts.ledger.messages import Delivered, LogIdentity, digest_of
from accounts.ledger.posting import Outcomes, post_batch
from accounts.models import DeadLetter, Log, LogPosition

A_LOG = LogIdentity("a cluster", "submissions", "a topic", 3)
A_DAY = date(2026, 11, 23)
A_MOMENT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

_COMMON = {
    "version": 1,
    "account": "C100",
    "currency": "EUR",
    "business_date": A_DAY,
    "submitted_at": A_MOMENT,
    "submitted_by": "teller",
    "source": "portal",
}


def _common(changes: dict[str, Any]) -> dict[str, Any]:
    return _COMMON | {"transaction_id": new_transaction_id()} | changes


def opened(**changes: Any) -> AccountOpened:
    """An account that begins; C100 with nothing unless told."""
    return AccountOpened(
        **_common({"opening_balance_minor": 0, "least_balance_minor": 0} | changes)
    )


def submitted(amount_minor: int = 10_000, **changes: Any) -> Deposit:
    """A deposit into C100 unless told."""
    return Deposit(**_common({"amount_minor": amount_minor} | changes))


def withdrawn(amount_minor: int = 10_000, **changes: Any) -> Withdrawal:
    """A withdrawal from C100 unless told."""
    return Withdrawal(**_common({"amount_minor": amount_minor} | changes))


def delivered(event: Event, offset: int, partition: int = 0) -> Delivered:
    """The event as the log gives it."""
    key, value = encode(event)
    return Delivered(partition, offset, 1_000 + offset, key, value, 0)


def raw(
    value: bytes | None, offset: int, key: bytes | None = b"C100", partition: int = 0
) -> Delivered:
    """Any bytes as the log gives them."""
    return Delivered(partition, offset, 1_000 + offset, key, value, 0)


class LedgerInTest:
    """A database's ledger with a log of its own, fed message by message."""

    def __init__(self, identity: LogIdentity = A_LOG) -> None:
        self.identity = identity
        self.log: Log = recognise_log(identity)

    def position(self, partition: int = 0) -> LogPosition:
        return LogPosition.objects.get(log=self.log, partition=partition)

    def post(self, *events: Event, partition: int = 0) -> Outcomes:
        """Append ``events`` to the log and post them as one batch."""
        start = self.position(partition).next_offset
        return self.post_messages(
            [delivered(event, start + n, partition) for n, event in enumerate(events)]
        )

    def post_messages(
        self, messages: Sequence[Delivered], expected: dict[int, int] | None = None
    ) -> Outcomes:
        """Post ``messages`` as one batch from where the database stands."""
        partitions = {each.partition for each in messages}
        return self._post(
            [understand(each) for each in messages],
            expected or {n: self.position(n).next_offset for n in partitions},
        )

    def bury(self, event: Event, *, partition: int = 0, **changes: Any) -> DeadLetter:
        """Post ``event`` as code would that did not understand it yet, as before an update.

        ``changes`` are other bytes, or another id, than the event's own.
        """
        key, value = encode(event)
        offset = self.position(partition).next_offset
        message = raw(changes.get("value", value), offset, key, partition)
        dead = Refused(
            message,
            digest_of(message.key, message.value),
            "not_understood",
            "Not understood yet.",
            changes.get("transaction_id", event.transaction_id),
        )
        self._post([dead], {partition: offset})
        return DeadLetter.objects.get(log=self.log, partition=partition, offset=offset)

    def _post(self, read: Sequence[Understood | Refused], expected: dict[int, int]) -> Outcomes:
        return post_batch(
            read, log_id=self.log.pk, identity=identity_of(self.log), expected=expected
        )


def identifiers(events: Sequence[Event]) -> list[UUID]:
    """The ids of ``events``."""
    return [event.transaction_id for event in events]
