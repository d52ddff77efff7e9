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
SELECT value FROM found WHERE value IS NOT NULL LIMIT %s
"""


def list_distinct(column: str, most: int) -> list[str]:
    """Return the values of this text column among starters that are not erased, at most `most`.

    It needs an index that begins with the column. The cost depends on the number of values, not on that of starters.
    """
    name = connection.ops.quote_name(column)
    # In the words of the partial index of sources: SQLite cannot conclude it from the other condition.
    query = JUMPS.format(column=name, given=f"NOT ({name} = '')", table=Starter._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(query, [most])
        return [row[0] for row in cursor.fetchall()]
