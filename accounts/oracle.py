"""What the ledger has to hold, said a second time: plain Python, apart from the posting code.

Read from docs/event.md and the laws of the design, not from the code that posts: this module
imports nothing of the bank's, so that a mistake there is not repeated here.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any, Final
from uuid import UUID

POSTED: Final = "posted"
REJECTED: Final = "rejected"
DEAD: Final = "dead"
REPEAT: Final = "repeat"

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
DEEPEST = 32
GREATEST_AMOUNT = 10**15
GREATEST_BALANCE = 10**18
GREATEST_TURNOVER = 9 * 10**18
NUMBER_IN_THE_CHAIN = {POSTED: 1, REJECTED: 2, DEAD: 3}

ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,33}")
KIND = re.compile(r"account_opened|deposit|withdrawal")
CURRENCY = re.compile(r"[A-Z]{3}")
IDENTIFIER = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))"
)


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


class Wrong(Exception):
    """A message that is no event."""


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
        self._fingerprint = fingerprint
        self._keeps_totals = keeps_totals
        self.links: dict[int, bytes] = dict(links or {})
        self.ids: MutableMapping[UUID, bytes] = {} if ids is None else ids
        self.balances: dict[str, AccountState] = {}
        # Posted transactions by account, business date and kind: how many, and how much.
        self.totals: dict[tuple[str, date, str], list[int]] = {}
        # Messages of each partition by fate, and posted ones that moved money as "transactions".
        self.counts: dict[int, Counter[str]] = {}

    def read(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> Expected:
        """Say what the next message of ``partition`` has to become, and remember that it did."""
        digest = digest_of(key, value)
        content: dict[str, Any] = {}
        try:
            content = object_in(value)
            event = event_in(content, key)
        except Wrong:
            fate, reason, balance_minor = DEAD, "not_understood", None
            event = {"transaction_id": identifier_in(content)}
        else:
            fate, reason, balance_minor = self._fate_of(event, digest)
        if fate == DEAD:
            event = {"transaction_id": event["transaction_id"]}
        link = None
        if fate == REPEAT:
            event = {}
        else:
            before = self.links.get(partition, bytes(32))
            place = partition.to_bytes(4, "big") + offset.to_bytes(8, "big")
            link = link_after(
                before + self._fingerprint + place + digest, fate, reason, balance_minor
            )
            self.links[partition] = link
        self._count(partition, fate, event)
        return Expected(
            partition, offset, digest, fate, reason, balance_minor=balance_minor, link=link, **event
        )

    def _fate_of(self, event: dict[str, Any], digest: bytes) -> tuple[str, str, int | None]:
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
    def _moved(account: AccountState, event: dict[str, Any]) -> tuple[str, str, int]:
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

    def _count(self, partition: int, fate: str, event: dict[str, Any]) -> None:
        counts = self.counts.setdefault(partition, Counter())
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


def link_after(before: bytes, fate: str, reason: str, balance_minor: int | None) -> bytes:
    """Give the link (law 6) of a message, where ``before`` ends with the message's digest."""
    balance = b"\0"
    if balance_minor is not None:
        balance = b"\1" + balance_minor.to_bytes(8, "big", signed=True)
    fate_number = NUMBER_IN_THE_CHAIN[fate].to_bytes(1, "big")
    return hashlib.sha256(before + fate_number + balance + reason.encode()).digest()


def object_in(value: bytes | None) -> dict[str, Any]:
    """Read one JSON object in UTF-8 (RFC 8259), without a name twice, not nested too deep."""
    if value is None:
        raise Wrong
    try:
        content = json.loads(
            value.decode("utf-8"),
            object_pairs_hook=_without_a_name_twice,
            parse_int=_integer,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError):
        raise Wrong from None
    _refuse_depth_and_half_characters(content, 1)
    if not isinstance(content, dict):
        raise Wrong
    return content


def _without_a_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise Wrong
    return content


def _integer(text: str) -> int | float:
    # Python refuses to read integers of thousands of digits; none that long is in range.
    return int(text) if len(text) <= 20 else float(text)


def _no_number(text: str) -> None:
    raise Wrong(text)


def _refuse_depth_and_half_characters(content: Any, depth: int) -> None:
    if isinstance(content, str) and any("\ud800" <= each <= "\udfff" for each in content):
        raise Wrong
    if not isinstance(content, dict | list):
        return
    if depth > DEEPEST:
        raise Wrong
    inner = [*content.keys(), *content.values()] if isinstance(content, dict) else content
    for each in inner:
        _refuse_depth_and_half_characters(each, depth + 1)


def identifier_in(content: dict[str, Any]) -> UUID | None:
    """Give the transaction id, where there is one."""
    text = content.get("transaction_id")
    if isinstance(text, str) and IDENTIFIER.fullmatch(text):
        return UUID(text)
    return None


def event_in(content: dict[str, Any], key: bytes | None) -> dict[str, Any]:
    """Give the fields of an event by the names of the ledger's columns."""
    if type(content.get("version")) is not int or content["version"] != 1:
        raise Wrong
    identifier = identifier_in(content)
    if identifier is None:
        raise Wrong
    event: dict[str, Any] = {
        "transaction_id": identifier,
        "account": _matching(content, "account", ACCOUNT),
        "kind": _matching(content, "kind", KIND),
        "currency": _matching(content, "currency", CURRENCY),
        "business_date": _day(_matching(content, "business_date", DAY)),
        "submitted_at_ms": _milliseconds(content.get("submitted_at")),
        "submitted_by": _text(content.get("submitted_by"), 1, 150),
        "source": _text(content.get("source"), 1, 40),
        "reference": _text(content.get("reference", ""), 0, 140),
    }
    if event["kind"] == "account_opened":
        event["amount_minor"] = _amount(content, "opening_balance_minor", 0, GREATEST_AMOUNT)
        event["least_balance_minor"] = _amount(content, "least_balance_minor", -GREATEST_AMOUNT, 0)
    else:
        event["amount_minor"] = _amount(content, "amount_minor", 1, GREATEST_AMOUNT)
        if content.get("claimed_balance_minor") is not None:
            _amount(content, "claimed_balance_minor", -GREATEST_BALANCE, GREATEST_BALANCE)
    if key != event["account"].encode():
        raise Wrong
    return event


def _matching(content: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    text = content.get(name)
    if not isinstance(text, str) or not form.fullmatch(text):
        raise Wrong
    return text


def _text(text: Any, shortest: int, longest: int) -> str:
    if not isinstance(text, str) or not shortest <= len(text) <= longest or "\0" in text:
        raise Wrong
    return text


def _amount(content: dict[str, Any], name: str, least: int, greatest: int) -> int:
    amount = content.get(name)
    # To Python, true is an integer.
    if type(amount) is not int or not least <= amount <= greatest:
        raise Wrong
    return amount


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Wrong from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Wrong
    return day


def _milliseconds(text: Any) -> int:
    """Read a moment of RFC 3339; give it in milliseconds since 1970-01-01 UTC, rounded down.

    What is finer than a microsecond is rounded to one first, half of one upwards.
    """
    match = MOMENT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise Wrong
    digits = (match["fraction"] or "").ljust(7, "0")
    microseconds = int(digits[:6]) + (digits[6] >= "5")
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    ahead = timedelta(hours=hours, minutes=minutes)
    if hours > 23 or minutes > 59:
        raise Wrong
    try:
        zone = timezone(-ahead if match["sign"] == "-" else ahead)
        clock = time(int(match["hour"]), int(match["minute"]), int(match["second"]), tzinfo=zone)
        written = datetime.combine(date.fromisoformat(match["day"]), clock)
        moment = written + timedelta(microseconds=microseconds)
    except (ValueError, OverflowError):
        raise Wrong from None
    if not FIRST_DAY <= moment.date() <= LAST_DAY:
        raise Wrong
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
