"""What becomes of each event, and what the balances are then."""

import hashlib
from collections import Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final
from uuid import UUID

from accounts.oracle.reading import GREATEST_BALANCE, identifier_in, read_event

POSTED: Final = "posted"
REJECTED: Final = "rejected"
DEAD: Final = "dead"
REPEAT: Final = "repeat"
GREATEST_TURNOVER = 9 * 10**18
# A fate, its reason, and the balance after it if there is one.
Conclusion = tuple[str, str, int | None]
NOT_UNDERSTOOD: Conclusion = (DEAD, "not_understood", None)
NUMBER_IN_THE_CHAIN = {POSTED: 1, REJECTED: 2, DEAD: 3}


@dataclass(frozen=True, slots=True)
class Expected:
    """What one message has to become. None where its fate leaves nothing to say."""

    partition: int
    offset: int
    digest: bytes
    fate: str
    reason: str = ""
    transaction_id: UUID | None = None
    account: str | None = None
    kind: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    business_date: date | None = None
    reference: str | None = None
    source: str | None = None
    submitted_by: str | None = None
    submitted_at_ms: int | None = None
    balance_minor: int | None = None
    link: bytes | None = None


@dataclass(slots=True)
class AccountState:
    """One account after the messages read so far; the turnover is all that was paid in and out."""

    currency: str
    balance_minor: int
    least_balance_minor: int
    turnover_minor: int = 0
    posted_count: int = 1


class Oracle:
    """Reads a log message by message and says what each has to become.

    ``fingerprint`` stands for the log in the chain; ``links`` holds the link before the first
    message of each partition, 32 zero bytes where it holds none. ``ids`` keeps the digest of
    each concluded id, and may live on disk. Messages of one partition come in the order of
    their offsets; partitions in the order in which the ledger met them, which matters only
    where one id or one account is found in two of them.
    """

    def __init__(
        self,
        fingerprint: bytes,
        links: Mapping[int, bytes] | None = None,
        ids: MutableMapping[UUID, bytes] | None = None,
        *,
        keeps_totals: bool = True,
    ) -> None:
        self.fingerprint = fingerprint
        self._keeps_totals = keeps_totals
        self.links: dict[int, bytes] = dict(links or {})
        self.ids: MutableMapping[UUID, bytes] = {} if ids is None else ids
        self.balances: dict[str, AccountState] = {}
        # Posted transactions by account, business date and kind: how many, and how much.
        self.totals: dict[tuple[str, date, str], list[int]] = {}
        # Messages of each partition by fate, and posted ones that moved money as "transactions".
        self.counts: dict[int, Counter[str]] = {}

    def read(
        self,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        dead_letter_link: bytes | None = None,
    ) -> Expected:
        """Say what the next message of ``partition`` has to become, and remember that it did.

        ``dead_letter_link`` is the link of a dead letter that is recorded for it. Where it is
        the chain's next one, an earlier release did not understand what is an event to this
        one: the message stays dead, and is counted as "set_aside" too.
        """
        digest = digest_of(key, value)
        next_link = partial(
            link_after,
            self.links.get(partition, bytes(32)),
            self.fingerprint,
            (partition, offset),
            digest,
        )
        content, event = read_event(key, value)
        if event is None:
            conclusion = NOT_UNDERSTOOD
        elif dead_letter_link is not None and dead_letter_link == next_link(NOT_UNDERSTOOD):
            conclusion = NOT_UNDERSTOOD
            self._counts_of(partition)["set_aside"] += 1
        else:
            conclusion = self._conclude(event, digest)
        fate, reason, balance_minor = conclusion
        link = None
        if fate != REPEAT:
            link = self.links[partition] = next_link(conclusion)
        if event is None or fate in {DEAD, REPEAT}:
            identifier = identifier_in(content) if fate == DEAD else None
            event = {"transaction_id": identifier}
        self._count(partition, fate, event)
        return Expected(
            partition, offset, digest, fate, reason, balance_minor=balance_minor, link=link, **event
        )

    def _conclude(self, event: dict[str, Any], digest: bytes) -> Conclusion:
        known = self.ids.get(event["transaction_id"])
        if known == digest:
            return REPEAT, "", None
        if known is not None:
            return DEAD, "id_reused", None
        self.ids[event["transaction_id"]] = digest
        least_balance_minor = event.pop("least_balance_minor", 0)
        account = self.balances.get(event["account"])
        if event["kind"] == "account_opened":
            if account is not None:
                return REJECTED, "already_open", account.balance_minor
            self.balances[event["account"]] = AccountState(
                event["currency"], event["amount_minor"], least_balance_minor
            )
            return POSTED, "", event["amount_minor"]
        if account is None:
            return REJECTED, "unknown_account", None
        return self._moved(account, event)

    @staticmethod
    def _moved(account: AccountState, event: dict[str, Any]) -> Conclusion:
        if account.currency != event["currency"]:
            return REJECTED, "other_currency", account.balance_minor
        is_withdrawal = event["kind"] == "withdrawal"
        amount_minor = event["amount_minor"]
        balance_minor = account.balance_minor + (-amount_minor if is_withdrawal else amount_minor)
        turnover_minor = account.turnover_minor + amount_minor
        if abs(balance_minor) > GREATEST_BALANCE or turnover_minor > GREATEST_TURNOVER:
            return REJECTED, "out_of_range", account.balance_minor
        is_below = balance_minor < account.least_balance_minor
        if is_below and is_withdrawal and event["source"] != "import":
            return REJECTED, "overdraft", account.balance_minor
        account.balance_minor = balance_minor
        account.turnover_minor = turnover_minor
        account.posted_count += 1
        return POSTED, "overdrawn" if is_below else "", balance_minor

    def _counts_of(self, partition: int) -> Counter[str]:
        return self.counts.setdefault(partition, Counter())

    def _count(self, partition: int, fate: str, event: dict[str, Any]) -> None:
        counts = self._counts_of(partition)
        counts[fate] += 1
        if fate != POSTED or event["kind"] == "account_opened":
            return
        counts["transactions"] += 1
        if self._keeps_totals:
            place = event["account"], event["business_date"], event["kind"]
            total = self.totals.setdefault(place, [0, 0])
            total[0] += 1
            total[1] += event["amount_minor"]


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """Give the SHA-256 of the key's length (4 bytes, -1 for none), the key, and the value.

    A byte before the value tells an empty one (1) from none (0).
    """
    length = (-1 if key is None else len(key)).to_bytes(4, "big", signed=True)
    content = b"\0" if value is None else b"\1" + value
    return hashlib.sha256(length + (key or b"") + content).digest()


def first_links(previous: Mapping[int, bytes], partition_count: int) -> dict[int, bytes]:
    """Give the links that the chains of a log begin with, which was adopted after another.

    ``previous`` are the last links of the log before. As many partitions go on each from its
    own; otherwise each goes on from the SHA-256 over all of them in order.
    """
    last = [previous[number] for number in sorted(previous)]
    if len(last) != partition_count:
        last = [hashlib.sha256(b"".join(last)).digest()] * partition_count
    return dict(enumerate(last))


def link_after(
    previous: bytes,
    fingerprint: bytes,
    place: tuple[int, int],
    digest: bytes,
    conclusion: Conclusion,
) -> bytes:
    """Give the next link of a partition's chain (law 6).

    ``place`` is partition and offset; ``conclusion`` fate, reason, and the balance if any.
    """
    partition, offset = place
    fate, reason, balance_minor = conclusion
    balance = b"\0"
    if balance_minor is not None:
        balance = b"\1" + balance_minor.to_bytes(8, "big", signed=True)
    return hashlib.sha256(
        previous
        + fingerprint
        + partition.to_bytes(4, "big")
        + offset.to_bytes(8, "big")
        + digest
        + NUMBER_IN_THE_CHAIN[fate].to_bytes(1, "big")
        + balance
        + reason.encode()
    ).digest()
