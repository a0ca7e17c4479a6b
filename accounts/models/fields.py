"""Columns that the ledger needs and Django lacks."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement
from django.db.models import F, Q
from django.db.models.functions import Collate, Length
from django.db.models.lookups import Exact

from accounts.money import integer_check

# Django's fields take type arguments for the type checker only.
if TYPE_CHECKING:
    _UUIDField = models.UUIDField[Any, Any]
    _BigIntegerField = models.BigIntegerField[Any, Any]
else:
    _UUIDField, _BigIntegerField = models.UUIDField, models.BigIntegerField


_IDENTIFIER_BYTES = 16


class IdentifierField(_UUIDField):
    """A UUID held as its 16 bytes on SQLite, half of what text takes in row and index."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "uuid" if connection.features.has_native_uuid_field else "blob"

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.features.has_native_uuid_field:
            return None
        column = connection.ops.quote_name(self.column or "")
        return f"length({column}) = 16 AND typeof({column}) IN ('blob', 'null')"

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is None:
            return None
        identifier = self.to_python(value)
        return identifier if connection.features.has_native_uuid_field else identifier.bytes

    def from_db_value(self, value: Any, expression: object, connection: object) -> UUID | None:
        # Whatever else somebody has put there is shown as it is: whoever reads may say so.
        is_one = isinstance(value, bytes | memoryview) and len(value) == _IDENTIFIER_BYTES
        return UUID(bytes=bytes(value)) if is_one else value

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:
        # SQLite's own converter expects text; ours above reads bytes.
        return [self.from_db_value]

    def get_internal_type(self) -> str:
        # Not "UUIDField": SQLite's compiler would read the column as text.
        return "IdentifierField"

    def rel_db_type(self, connection: BaseDatabaseWrapper) -> str:
        return self.db_type(connection)


class InstantField(_BigIntegerField):
    """A moment in milliseconds since 1970-01-01 UTC, the unit of Kafka's own timestamps."""

    def db_check(self, connection: BaseDatabaseWrapper) -> str | None:
        return integer_check(self, connection)


class ByteOrderIndex(models.Index):
    """An index of one column of text in the order of its bytes, whatever the database's language.

    So it serves beginnings as ranges, in order. SQLite keeps text like that anyway; a query for
    PostgreSQL has to name the order, as ``in_byte_order`` does.
    """

    def create_sql(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        using: str = "",
        **kwargs: Any,
    ) -> Statement:
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using, **kwargs)
        ordered = models.Index(Collate(self.fields[0], "C"), name=self.name)
        return ordered.create_sql(model, schema_editor, using, **kwargs)


def in_byte_order(column: str, connection: BaseDatabaseWrapper) -> Collate | F:
    """Give a column of text to compare and sort by, as a ``ByteOrderIndex`` has it."""
    return Collate(column, "C") if connection.vendor == "postgresql" else F(column)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds_at(moment: datetime) -> int:
    """Give the milliseconds from 1970 to ``moment``, rounded down; a float would miss by one."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


# Between these every time zone has a date.
_FIRST_MS, _LAST_MS = (
    milliseconds_at(datetime(*day, tzinfo=UTC)) for day in ((1, 1, 2), (9999, 12, 30))
)


def datable(milliseconds: int) -> int:
    """Give ``milliseconds`` since 1970, or the nearest that have a date.

    A producer may stamp its messages with any number, and the ledger keeps it as it is.
    """
    return max(_FIRST_MS, min(milliseconds, _LAST_MS))


def instant(milliseconds: int) -> datetime:
    """Give the moment of ``milliseconds`` since 1970 as an aware datetime in UTC.

    Of what has no date, it gives the nearest one; so it is for showing, not for reckoning.
    """
    return datetime.fromtimestamp(datable(milliseconds) / 1000, tz=UTC)


# Bytes of SHA-256.
HASH_LENGTH = 32


def hashes(*names: str) -> Q:
    """Give the condition that the columns ``names`` hold hashes, where they hold anything."""
    return Q(*(Exact(Length(name), HASH_LENGTH) for name in names))
