"""The different values of an indexed column, read by jumping from one value to the next in the index."""

from __future__ import annotations

from django.db import connection

from onboarding.models import Starter

# `{column}` is the name of a field of the model, never something that a person typed.
JUMPS = """
WITH RECURSIVE found(value) AS (
  SELECT min({column}) FROM {table} WHERE erased_at IS NULL AND {given} AND {column} > ''
  UNION ALL
  SELECT (SELECT min({column}) FROM {table} WHERE erased_at IS NULL AND {given} AND {column} > found.value) FROM found
  WHERE found.value IS NOT NULL
)
SELECT value, (SELECT {label} FROM {table} WHERE erased_at IS NULL AND {given} AND {column} = found.value LIMIT 1)
FROM found WHERE value IS NOT NULL LIMIT %s
"""


def list_distinct(column: str, most: int) -> list[str]:
    """Return the values of this text column among starters that are not erased, at most `most`.

    It needs an index that begins with the column. The cost depends on the number of values, not on that of starters.
    """
    return [value for value, _ in _list_labelled(column, column, most)]


def list_confirmers(most: int) -> list[tuple[str, str]] | None:
    """Return the id and name of each manager and stand-in. None if there are more than `most`."""
    people = dict(_list_labelled("manager_id", "manager_name", most + 1))
    if len(people) <= most:
        people = dict(_list_labelled("stand_in_id", "stand_in_name", most + 1)) | people
    return list(people.items()) if len(people) <= most else None


def _list_labelled(column: str, label: str, most: int) -> list[tuple[str, str]]:
    """Return each value of a column, with the label that one of its starters has."""
    name = connection.ops.quote_name(column)
    # In the words of the partial index of sources: SQLite cannot conclude it from the other condition.
    query = JUMPS.format(
        column=name,
        label=connection.ops.quote_name(label),
        given=f"NOT ({name} = '')",
        table=Starter._meta.db_table,
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [most])
        return [(value, words or value) for value, words in cursor.fetchall()]
