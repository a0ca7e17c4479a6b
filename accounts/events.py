"""What travels on the topic of submissions: one type an event, one encoder, one decoder.

The fields and their bounds are the outside contract (docs/event.md).
"""

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from accounts.bounds import EARLIEST_DATE, LATEST_DATE
from accounts.money import GREATEST_BALANCE_MINOR, GREATEST_MINOR

IMPORT_SOURCE: Final = "import"
DEMO_SOURCE: Final = "demo"
PORTAL_SOURCE: Final = "portal"

# The pattern is the rule for new account numbers in forms and files too.
ACCOUNT_NUMBER = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,33}\Z"

AccountNumber = Annotated[str, Meta(pattern=ACCOUNT_NUMBER)]
Amount = Annotated[int, Meta(ge=1, le=GREATEST_MINOR)]
OpeningBalance = Annotated[int, Meta(ge=0, le=GREATEST_MINOR)]
LeastBalance = Annotated[int, Meta(ge=-GREATEST_MINOR, le=0)]
ClaimedBalance = Annotated[int, Meta(ge=-GREATEST_BALANCE_MINOR, le=GREATEST_BALANCE_MINOR)]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Moment = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=150)]
Source = Annotated[str, Meta(min_length=1, max_length=40)]
Reference = Annotated[str, Meta(max_length=140)]


# Far below what either reader of JSON can take, so that no stack decides an outcome.
DEEPEST_NESTING: Final = 32


class NotUnderstood(Exception):
    """A message that is no event of ours, and belongs to the dead letters. The text says why."""

    def __init__(self, reason: str, *, transaction_id: UUID | None = None) -> None:
        super().__init__(reason)
        self.transaction_id = transaction_id


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    version: Literal[1]
    transaction_id: UUID
    account: AccountNumber
    currency: Currency
    business_date: date
    submitted_at: Moment
    submitted_by: Name
    source: Source
    reference: Reference = ""


class AccountOpened(_Event, frozen=True, kw_only=True, tag_field="kind", tag="account_opened"):
    """An account begins, with what it holds and the least it may hold."""

    opening_balance_minor: OpeningBalance
    least_balance_minor: LeastBalance


class Deposit(_Event, frozen=True, kw_only=True, tag_field="kind", tag="deposit"):
    """Money added to a customer's balance."""

    amount_minor: Amount
    claimed_balance_minor: ClaimedBalance | None = None


class Withdrawal(_Event, frozen=True, kw_only=True, tag_field="kind", tag="withdrawal"):
    """Money taken from a customer's balance."""

    amount_minor: Amount
    claimed_balance_minor: ClaimedBalance | None = None


Event = AccountOpened | Deposit | Withdrawal


class _Identified(msgspec.Struct):
    transaction_id: UUID


class _Addressed(msgspec.Struct):
    account: str


# What is quoted may hold quotes itself, and be cut before its own end: only the place is ours.
_QUOTED = re.compile(r"(?<= )'.*?(' - at `\$[\w.]*`)?$")

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder(order="deterministic")
_identifier_decoder = msgspec.json.Decoder(_Identified)
_address_decoder = msgspec.json.Decoder(_Addressed)
_account_number = re.compile(ACCOUNT_NUMBER)

Part = TypeVar("Part")


def encode(event: Event) -> tuple[bytes, bytes]:
    """Give the key and the value under which ``event`` is published."""
    return event.account.encode(), _encoder.encode(event)


def decode(key: bytes | None, value: bytes | None) -> Event:
    """Read an event; raise ``NotUnderstood`` with the reason for whatever is none."""
    if value is None:
        raise NotUnderstood("The message has no value.")
    try:
        event = _decoder.decode(value)
        # JSON has NUL only as an escape: to look for one costs less than a pattern a field.
        if b"\\" in value:
            _refuse_nul(event)
        # What we would write ourselves, byte by byte, holds nothing that readers differ on.
        if _encoder.encode(event) != value:
            _refuse_what_readers_differ_on(value)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise NotUnderstood(_short(error), transaction_id=identifier_in(value)) from None
    if key != event.account.encode():
        raise NotUnderstood("The key is not the account.", transaction_id=event.transaction_id)
    for day in (event.business_date, event.submitted_at.date()):
        if not EARLIEST_DATE <= day <= LATEST_DATE:
            raise NotUnderstood(
                f"The date {day} is before {EARLIEST_DATE} or after {LATEST_DATE}.",
                transaction_id=event.transaction_id,
            )
    return event


def without_quotes(reason: str) -> str:
    """Give why a message is no event without what that quotes of it, which may be any customer's.

    For the log, and for whoever may not see all customers.
    """
    return _QUOTED.sub(r"'…\1", reason)


def identifier_in(value: bytes) -> UUID | None:
    """Give the transaction id of a message that is no event, where it can be read at all."""
    identified = _read_alike(_identifier_decoder, value)
    return None if identified is None else identified.transaction_id


def account_in(value: bytes) -> str | None:
    """Give the one account that a message is about, event or not, where every reader finds it."""
    addressed = _read_alike(_address_decoder, value)
    return None if addressed is None else addressed.account


def _read_alike(decoder: msgspec.json.Decoder[Part], value: bytes) -> Part | None:
    """Read a part of a message; None where there is none, or not the same for every reader."""
    try:
        found = decoder.decode(value)
        _refuse_what_readers_differ_on(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found


def _refuse_nul(event: Event) -> None:
    for name in ("submitted_by", "source", "reference"):
        if "\0" in getattr(event, name):
            raise msgspec.ValidationError(f"No text may hold NUL - at `$.{name}`")


def _refuse_what_readers_differ_on(value: bytes) -> None:
    """Raise for JSON that one reader takes and another does not, or takes for something else.

    msgspec lets pass, in fields that it skips, what is no UTF-8; takes the last of two fields
    of one name; and goes as deep as the stack allows.
    """
    content = json.loads(
        value.decode(),
        object_pairs_hook=_named_once,
        # Python refuses an integer of thousands of digits, and its value is not asked here.
        parse_int=float,
    )
    _refuse_depth(content, 1)


def _named_once(fields: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(fields)
    if len(content) < len(fields):
        raise msgspec.DecodeError("A field is there twice.")
    return content


def _refuse_depth(content: Any, depth: int) -> None:
    if not isinstance(content, dict | list):
        return
    if depth > DEEPEST_NESTING:
        raise msgspec.DecodeError(f"It is nested deeper than {DEEPEST_NESTING}.")
    for inner in content.values() if isinstance(content, dict) else content:
        _refuse_depth(inner, depth + 1)


def is_account_number(text: str) -> bool:
    """Tell whether ``text`` can be the number of an account."""
    return _account_number.fullmatch(text) is not None


def _short(error: Exception) -> str:
    # It may quote the message, and a database takes neither NUL nor half a character pair.
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(error))
    return text[:300] or type(error).__name__
