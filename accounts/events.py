"""What travels on the topic of submissions: one type an event, one encoder, one decoder.

The fields and their bounds are the outside contract (docs/event.md).
"""

import re
from datetime import date, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from accounts.bounds import EARLIEST_DATE, LATEST_DATE
from accounts.money import GREATEST_BALANCE_MINOR, GREATEST_MINOR

IMPORT_SOURCE: Final = "import"
PORTAL_SOURCE: Final = "portal"

# The pattern is the rule for new account numbers in forms and files too.
ACCOUNT_NUMBER = r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,33}\Z"
_PRINTABLE = r"\A[^\x00]*\Z"

AccountNumber = Annotated[str, Meta(pattern=ACCOUNT_NUMBER)]
Amount = Annotated[int, Meta(ge=1, le=GREATEST_MINOR)]
OpeningBalance = Annotated[int, Meta(ge=0, le=GREATEST_MINOR)]
LeastBalance = Annotated[int, Meta(ge=-GREATEST_MINOR, le=0)]
ClaimedBalance = Annotated[int, Meta(ge=-GREATEST_BALANCE_MINOR, le=GREATEST_BALANCE_MINOR)]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Moment = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=150, pattern=_PRINTABLE)]
Source = Annotated[str, Meta(min_length=1, max_length=40, pattern=_PRINTABLE)]
Reference = Annotated[str, Meta(max_length=140, pattern=_PRINTABLE)]


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


_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder(order="deterministic")
_identifier_decoder = msgspec.json.Decoder(_Identified)
_account_number = re.compile(ACCOUNT_NUMBER)


def encode(event: Event) -> tuple[bytes, bytes]:
    """Give the key and the value under which ``event`` is published."""
    return event.account.encode(), _encoder.encode(event)


def decode(key: bytes | None, value: bytes | None) -> Event:
    """Read an event; raise ``NotUnderstood`` with the reason for whatever is none."""
    if value is None:
        raise NotUnderstood("The message has no value.")
    try:
        event = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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


def identifier_in(value: bytes) -> UUID | None:
    """Give the transaction id of a message that is no event, where it can be read at all."""
    try:
        return _identifier_decoder.decode(value).transaction_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_account_number(text: str) -> bool:
    """Tell whether ``text`` can be the number of an account."""
    return _account_number.fullmatch(text) is not None


def _short(error: Exception) -> str:
    # It may quote the message, and a database takes neither NUL nor half a character pair.
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(error))
    return text[:300] or type(error).__name__
