"""What is an event, after docs/event.md: read with Python's own library and nothing else."""

import json
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID

# Names and values.
Fields = dict[str, Any]

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
DEEPEST = 32
GREATEST_AMOUNT = 10**15
GREATEST_BALANCE = 10**18

ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,33}")
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
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


class Wrong(Exception):
    """A message that is no event."""


def read_event(key: bytes | None, value: bytes | None) -> tuple[Fields, Fields | None]:
    """Give what a message holds, and the event that it is, if it is one.

    The event's fields have the names of the ledger's columns.
    """
    content: Fields = {}
    try:
        content = object_in(value)
        return content, event_in(content, key)
    except Wrong:
        return content, None


def object_in(value: bytes | None) -> Fields:
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


def _without_a_name_twice(pairs: list[tuple[str, Any]]) -> Fields:
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
    if isinstance(content, str):
        if HALF_CHARACTER.search(content):
            raise Wrong
        return
    if not isinstance(content, dict | list):
        return
    if depth > DEEPEST:
        raise Wrong
    inner = [*content.keys(), *content.values()] if isinstance(content, dict) else content
    for each in inner:
        _refuse_depth_and_half_characters(each, depth + 1)


def identifier_in(content: Fields) -> UUID | None:
    """Give the transaction id, where there is one."""
    text = content.get("transaction_id")
    if isinstance(text, str) and IDENTIFIER.fullmatch(text):
        return UUID(text)
    return None


def event_in(content: Fields, key: bytes | None) -> Fields:
    """Give the event that ``content`` is; raise ``Wrong`` for what is none."""
    if type(content.get("version")) is not int or content["version"] != 1:
        raise Wrong
    identifier = identifier_in(content)
    if identifier is None:
        raise Wrong
    event: Fields = {
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


def _matching(content: Fields, name: str, form: re.Pattern[str]) -> str:
    text = content.get(name)
    if not isinstance(text, str) or not form.fullmatch(text):
        raise Wrong
    return text


def _text(text: Any, shortest: int, longest: int) -> str:
    if not isinstance(text, str) or not shortest <= len(text) <= longest or "\0" in text:
        raise Wrong
    return text


def _amount(content: Fields, name: str, least: int, greatest: int) -> int:
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
