"""What an examination gives."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. A note wants nothing done now."""

    OK = "ok"
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; a fault says what to do about it."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


def sound(subject: str, text: str) -> Finding:
    """Give a finding that all is well."""
    return Finding(subject, Level.OK, text)


def note(subject: str, text: str, remedy: str = "") -> Finding:
    """Give a finding worth knowing."""
    return Finding(subject, Level.NOTE, text, remedy)


def fault(subject: str, text: str, remedy: str) -> Finding:
    """Give a finding that is in the way."""
    return Finding(subject, Level.FAULT, text, remedy)
