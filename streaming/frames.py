"""What travels between a live page and the server, as JSON: one type a frame.

From the browser:

``{"type": "subscribe", "turn": n, "position": P or null, "filter": F, "panels": [{"name": ...}]}``
    Begin with what came after position P, or with what comes from now on. A filter (its names
    are those of an address) lets through entries; with panels, their figures follow too, each
    shown as it is asked for (``accounts.selectors.panels.asked``). Both may be left out. Names
    of no panel are passed over. May be sent again, with another turn; 0 if left out.
``{"type": "received", "count": n}``
    n frames have arrived since the socket was opened. A browser that falls silent is sent no
    more than ``connections.MOST_ON_THE_WAY`` frames.

From the server:

``{"type": "subscribed", "position": P, "turn": n}``
    Answers the ``subscribe`` of that turn; what follows belongs to it.
``{"type": "entries", "position": P, "count": n, "complete": bool, "entries": [...]}``
    What the ledger gained up to P, oldest first, each entry once. ``count`` is the number of
    transactions among them. Not complete: more came at once than is worth showing, and these
    are the newest.
``{"type": "figures", "position": P, "figures": {name: {...}, ...}}``
    What panels show, each of them whole, those that have changed.
``{"type": "unreadable"}``
    The figures for the filter cannot be read now. They follow as soon as they can be.
``{"type": "heartbeat", "position": P, "day": D, "now_ms": T, "delays": {"kafka": ..., ...}}``
    Every 5 seconds while the server can read its database, with its day and time, and with what
    waits longer than usual for ``kafka`` and for the ``ledger``: null, or its ``number`` and the
    instant ``since_ms``. While something waits, at once after a commit too, once a second at most.
``{"type": "reload", "reason": "epoch" or "behind"}``
    What was missed cannot be told in frames. Read the page's data anew and subscribe again;
    nothing follows before that.

Closed with 4400 not understood, 4401 signed out, 4403 role or branch changed, 4429 too many
messages of a socket or sockets of an agent, 4413 too large a message, 4503 the server cannot answer
now. All are of the range that a server may close with itself: Daphne sends no other, and would
leave the socket open.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from accounts.selectors.delays import Delays
from accounts.selectors.filters import Filter
from accounts.selectors.panels.asked import Asked
from accounts.selectors.positions import Position

LONGEST_MESSAGE: Final = 4_096
MOST_PANELS: Final = 32
# Up to here a browser counts exactly.
MOST_TURNS: Final = 2**53

NOT_UNDERSTOOD: Final = 4400
SIGNED_OUT: Final = 4401
RIGHTS_CHANGED: Final = 4403
TOO_MANY: Final = 4429
TOO_LARGE: Final = 4413
TRY_LATER: Final = 4503

# Why a browser is to read anew.
Reason = Literal["epoch", "behind"]


class Subscribe(msgspec.Struct, tag="subscribe", forbid_unknown_fields=True):
    """A browser says what it wants to see, and how far it has come."""

    position: str | None = None
    filter: Filter | None = None
    panels: Annotated[tuple[Asked, ...], msgspec.Meta(max_length=MOST_PANELS)] = ()
    turn: Annotated[int, msgspec.Meta(ge=0, le=MOST_TURNS)] = 0


class Received(msgspec.Struct, tag="received", forbid_unknown_fields=True):
    """A browser says how many frames have arrived in all."""

    count: int


class NotAMessage(Exception):
    """A browser sent what no page of ours sends."""


_decoder: msgspec.json.Decoder[Subscribe | Received] = msgspec.json.Decoder(Subscribe | Received)


def read_message(text: str) -> Subscribe | Received:
    """Read what a browser sent; raise ``NotAMessage``."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotAMessage(str(error)) from None


def subscribed(position: Position, turn: int) -> str:
    """Answer the subscription of a turn."""
    return f'{{"type":"subscribed","position":{_text(position)},"turn":{turn}}}'


def entries(position: Position, rows: Iterable[str], *, count: int, complete: bool) -> str:
    """Tell of entries; ``rows`` are encoded already."""
    return (
        f'{{"type":"entries","position":{_text(position)},"count":{count},'
        f'"complete":{"true" if complete else "false"},"entries":[{",".join(rows)}]}}'
    )


def figures(position: Position, encoded: Mapping[str, str]) -> str:
    """Tell what panels show, which is encoded already."""
    panels = ",".join(f'"{name}":{text}' for name, text in encoded.items())
    return f'{{"type":"figures","position":{_text(position)},"figures":{{{panels}}}}}'


def unreadable() -> str:
    """Say that there are no figures to be had for a browser's filter now."""
    return '{"type":"unreadable"}'


def heartbeat(position: Position, delays: Delays, *, now: datetime) -> str:
    """Say that nothing is missing up to ``position``, and what waits longer than usual.

    ``now`` is in the portal's time zone.
    """
    return (
        f'{{"type":"heartbeat","position":{_text(position)},"day":"{now.date().isoformat()}",'
        f'"now_ms":{round(now.timestamp() * 1000)},"delays":{encoded(delays)}}}'
    )


def reload(reason: Reason) -> str:
    """Send a browser back to the page's data."""
    return f'{{"type":"reload","reason":"{reason}"}}'


def encoded(value: msgspec.Struct) -> str:
    """Encode a part of a frame."""
    return msgspec.json.encode(value).decode()


def _text(position: Position) -> str:
    return f'"{position}"'
