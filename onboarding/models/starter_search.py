"""Search for starters: an ordinary table of folded words, with an index for both databases.

A word matches by its beginning. `StarterQuerySet` and `Starter.save` update the words whenever a name changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import Exists, OuterRef, Q, QuerySet

from onboarding.models import folded_words

if TYPE_CHECKING:
    from onboarding.models.starter import Starter

SEARCHED_FIELDS = ("display_name", "account_name", "department", "manager_name", "stand_in_name")
BATCH_SIZE = 500  # rows written at once
MAX_IDS = 2000  # in one query
WORDS_PER_ID = 4  # several words of one starter may begin alike


class StarterWord(models.Model):
    """One folded word that finds a starter. It is part of a name, and is erased with the starter."""

    id = models.BigAutoField(primary_key=True)
    starter = models.ForeignKey(
        "onboarding.Starter", on_delete=models.CASCADE, related_name="words", db_index=False
    )
    word = models.CharField(max_length=folded_words.MAX_WORD_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["starter", "word"], name="one_word_a_starter")]
        indexes = [
            # The operator class lets PostgreSQL look for a prefix in it, whatever the database's collation.
            models.Index(
                fields=["word", "starter"],
                name="starter_by_word",
                opclasses=["varchar_pattern_ops", "int8_ops"],
            )
        ]

    def __str__(self) -> str:
        return self.word


def match_conditions(typed: str, using: str) -> list[Q]:
    """The conditions for a starter that has all typed words, or words that begin with them."""
    rows = StarterWord.objects.using(using)
    return [Q(pk__in=rows.filter(term).values("starter")) for term in _search_terms(typed, using)]


def find_few_ids(typed: str, using: str) -> list[int] | None:
    """The ids of the starters that match, from the index alone; None if there are more than MAX_IDS.

    It starts with a rare term and narrows down, so that the planner of the database need not guess which one is rare.
    """
    rows, terms = StarterWord.objects.using(using), _search_terms(typed, using)
    if (found := find_ids_by_rare_term(typed, using, MAX_IDS)) is not None:
        return found
    if len(terms) < 2:
        return None
    both = rows.filter(terms[0])
    for term in terms[1:]:
        both = both.filter(starter__in=rows.filter(term).values("starter"))
    return _find_starter_ids(both, MAX_IDS)


def find_ids_by_rare_term(typed: str, using: str, most: int) -> list[int] | None:
    """The ids of the starters that match, if at most `most` have one of the terms; else None.

    The cost depends on `most` and not on the number of starters.
    """
    rows, terms = StarterWord.objects.using(using), _search_terms(typed, using)
    for number, term in enumerate(terms):
        if (found := _find_starter_ids(rows.filter(term), most)) is not None:
            return _narrow_ids(found, [*terms[:number], *terms[number + 1 :]], using)
    return None


def narrow_to_matches(ids: list[int], typed: str, using: str) -> set[int]:
    """Those of these starters that match."""
    return set(_narrow_ids(ids, _search_terms(typed, using), using))


def _narrow_ids(ids: list[int], terms: list[Q], using: str) -> list[int]:
    for term in terms:
        rows = StarterWord.objects.using(using).filter(term, starter__in=ids)
        ids = sorted(set(rows.values_list("starter", flat=True)))
    return ids


def _find_starter_ids(rows: QuerySet[StarterWord], most: int) -> list[int] | None:
    """The ids of the starters with these words; None if there are more than `most`."""
    read = rows.order_by().values_list("starter", flat=True)[: most * WORDS_PER_ID + 1]
    ids = set(read)
    return sorted(ids) if len(ids) <= most and len(read) <= most * WORDS_PER_ID else None


def _search_terms(typed: str, using: str) -> list[Q]:
    """The conditions on the words in the table. Long words are rarer, and come first."""
    found: list[tuple[int, Q]] = []
    for ways in folded_words.search_alternatives(typed):
        if len(ways) == 1:
            found += [(len(part), begins_with(part, using)) for part in sorted(ways[0])]
        else:
            found.append(
                (max((len(part) for way in ways for part in way), default=0), _matches_any_way(ways, using))
            )
    return [term for _, term in sorted(found, key=lambda sized: -sized[0])]


def _matches_any_way(ways: list[set[str]], using: str) -> Q:
    """A word that matches one of several sets of prefixes. The longest prefix is looked up first, then the others of the
    same starter."""
    same_starter = StarterWord.objects.using(using).filter(starter=OuterRef("starter"))
    found = Q(pk__in=[])
    for way in ways:
        first, *others = sorted(way, key=len, reverse=True)
        every = begins_with(first, using)
        for word in others:
            every &= Q(Exists(same_starter.filter(begins_with(word, using))))
        found |= every
    return found


def begins_with(word: str, using: str) -> Q:
    """SQLite uses the index for a range but not for LIKE; PostgreSQL the other way round, because of collations."""
    if connections[using].vendor == "postgresql":
        return Q(word__startswith=word)
    return Q(word__gte=word, word__lt=word + "\U0010ffff")


def index_starters(starters: QuerySet[Starter]) -> None:
    """Update the words of these starters where they have changed."""
    using = starters.db
    wanted = {
        (row.pk, word)
        for row in starters.only(*SEARCHED_FIELDS, "erased_at")
        for word in words_of_starter(row)
    }
    stored = StarterWord.objects.using(using).filter(starter__in=starters.values("pk"))
    known = {(pk, word): key for key, pk, word in stored.values_list("pk", "starter_id", "word")}
    if gone := [key for pair, key in known.items() if pair not in wanted]:
        StarterWord.objects.using(using).filter(pk__in=gone).delete()
    if new := sorted(wanted - known.keys()):
        rows = [StarterWord(starter_id=pk, word=word) for pk, word in new]
        StarterWord.objects.using(using).bulk_create(rows, batch_size=BATCH_SIZE, ignore_conflicts=True)


def index_new_starter(starter: Starter) -> None:
    """Store the words of a starter that was inserted in this transaction."""
    rows = [StarterWord(starter_id=starter.pk, word=word) for word in sorted(words_of_starter(starter))]
    StarterWord.objects.using(starter._state.db).bulk_create(rows, ignore_conflicts=True)


def index_all_starters(using: str = DEFAULT_DB_ALIAS) -> None:
    """Update the words of all unfinished starters, and of all starters without words.

    During a rolling upgrade the old release still adds starters, and may not know this table.
    """
    from onboarding.models.starter import Starter

    starters = Starter.objects.using(using)
    has_none = ~Exists(StarterWord.objects.using(using).filter(starter=OuterRef("pk")))
    for chosen in (starters.unfinished(), starters.filter(has_none, erased_at=None)):
        pks = list(chosen.order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(pks), BATCH_SIZE):
            index_starters(starters.filter(pk__in=pks[start : start + BATCH_SIZE]))


def words_of_starter(starter: Starter) -> set[str]:
    """The words of a starter; none for an erased starter."""
    return (
        set()
        if starter.erased_at
        else folded_words.search_words(getattr(starter, name) for name in SEARCHED_FIELDS)
    )
