"""Rows whose log cannot be read: checked by their own chain, and by the balances beside them."""

from collections.abc import Iterator
from uuid import UUID

from accounts.models import Balance, DeadLetter, Entry, Kind
from accounts.oracle import DEAD, POSTED, REJECTED, AccountState, digest_of, link_after
from accounts.verification.compared import stored_bytes, whole_bytes
from accounts.verification.discrepancy import Discrepancy
from accounts.verification.partition import Partition


class PartitionByRows(Partition):
    """A partition of a log that is gone, forgotten or away.

    A row that was altered in what the chain holds, added or removed breaks the chain at its
    place; an amount that was altered no longer leads from one balance to the next.
    """

    def row(self, entry: Entry) -> Iterator[Discrepancy]:
        """Check the next entry of the partition."""
        if entry.offset < self.next_offset:
            yield from self.is_passed(entry)
            return
        yield from self._bury_before(entry.offset)
        fate = POSTED if entry.is_posted else REJECTED
        if not self._is_linked(entry, fate, entry.balance_minor):
            yield self.about(entry, _BROKEN)
        self.counts[fate] += 1
        self.counts["transactions"] += entry.is_posted and entry.kind_id != Kind.ACCOUNT_OPENED
        if isinstance(entry.transaction_id, UUID):
            self.oracle.ids[entry.transaction_id] = whole_bytes(entry.digest)
        yield from self._check_balance(entry)

    def finish(self) -> Iterator[Discrepancy]:
        """Check what is left behind the last entry, and the position."""
        yield from self._bury_before(None)
        yield from self.check_position()

    def _bury_before(self, offset: int | None) -> Iterator[Discrepancy]:
        for row in self.dead_letters.take_before(offset):
            self.counts[DEAD] += 1
            if digest_of(stored_bytes(row.key), stored_bytes(row.value)) != whole_bytes(row.digest):
                yield self.about(row, "has other bytes than those of its digest")
            if not self._is_linked(row, DEAD, None):
                yield self.about(row, _BROKEN)

    def _is_linked(self, row: Entry | DeadLetter, fate: str, balance_minor: int | None) -> bool:
        """Take ``row`` as the chain's next link; say whether it is one."""
        expected = link_after(
            self.oracle.links[self.number],
            self.oracle.fingerprint,
            (row.partition, row.offset),
            whole_bytes(row.digest),
            (fate, row.reason, balance_minor),
        )
        # From here on the row's own link counts, so that one break is found once.
        self.oracle.links[self.number] = whole_bytes(row.link)
        self.next_offset = row.offset + 1
        return expected == whole_bytes(row.link)

    def _check_balance(self, entry: Entry) -> Iterator[Discrepancy]:
        account = self.oracle.balances.get(entry.account_id)
        if entry.kind_id == Kind.ACCOUNT_OPENED and entry.is_posted:
            if account is not None:
                yield self.about(entry, "opens an account that is open")
            # Only the event told it, and only the balance remembers.
            least = Balance.objects.filter(account_id__in=[entry.account_id]).values_list(
                "least_balance_minor", flat=True
            )
            account = AccountState(entry.currency, 0, least.first() or 0, posted_count=0)
            self.oracle.balances[entry.account_id] = account
            yield from self._moved(entry, account)
        elif account is None:
            if entry.is_posted or entry.balance_minor is not None:
                yield self.about(entry, "moves an account that is not open")
        else:
            yield from self._moved(entry, account)

    def _moved(self, entry: Entry, account: AccountState) -> Iterator[Discrepancy]:
        change_minor = entry.signed_amount_minor if entry.is_posted else 0
        expected = account.balance_minor + change_minor
        if entry.balance_minor != expected:
            yield self.about(entry, f"has balance {entry.balance_minor} after it, not {expected}")
        account.balance_minor = entry.balance_minor or 0
        account.posted_count += entry.is_posted
        if entry.kind_id != Kind.ACCOUNT_OPENED:
            account.turnover_minor += abs(change_minor)


_BROKEN = "does not go on with the chain: it was altered, or one before it was removed or added"
