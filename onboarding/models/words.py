"""Finding starters by words. PostgreSQL has an index of words for it; SQLite, which serves few, looks through all."""

from __future__ import annotations

import re

from django.db import connections
from django.db.models import BooleanField, Q
from django.db.models.expressions import Expression, RawSQL

FIELDS = ("display_name", "account_name", "department", "manager_name")
APART = ".@-_'+,;:/()&\""  # stands between words, as in an account name
INDEX = "starter_words"
_spaced = "translate({}, '{}', '{}')".format(
    " || ' ' || ".join(f"onboarding_starter.{name}" for name in FIELDS),
    APART.replace("'", "''"),
    " " * len(APART),
)
# Word for word as in the index, or PostgreSQL does not see that it is the one. The settings have `%` for values.
DOCUMENT = f"to_tsvector('simple', {_spaced})"
CREATE = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON onboarding_starter USING gin (({DOCUMENT}))"
DROP = f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}"


def all_of(words: str, using: str) -> list[Q | Expression]:
    """What must hold for a starter whose names and department have all of these words, or words that begin so."""
    if connections[using].vendor != "postgresql":
        return [_anywhere(word) for word in words.split()]
    sought = re.findall(r"[^\W_]+", words)
    if not sought:
        return [Q(pk__in=[])] if words.strip() else []
    query = " & ".join(f"{word}:*" for word in sought)
    return [RawSQL(f"{DOCUMENT} @@ to_tsquery('simple', %s)", [query], output_field=BooleanField())]  # noqa: S611  (words only)


def _anywhere(word: str) -> Q:
    found = Q()
    for name in FIELDS:
        found |= Q(**{f"{name}__icontains": word})
    return found
