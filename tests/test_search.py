"""HR finds a starter by words of their names, however these are spelled, and among a million."""

from __future__ import annotations

from datetime import date, time

import pytest
from django.db import connection

from onboarding.models import Starter
from onboarding.models.words import INDEX

pytestmark = pytest.mark.django_db


@pytest.fixture
def obrien(person) -> Starter:
    return Starter.objects.create(
        account_name="siobhan.o-brien2@contoso.example",
        account_id="0000be0c-0000-4000-8000-000000000001",
        display_name="Siobhán O'Brien",
        department="Research/Development",
        manager_name="Anne-Marie van 't Hof",
        start_date=date(2026, 9, 1),
        start_time=time(9),
        time_zone="Europe/Amsterdam",
        recorded_by=person("hanna"),
    )


@pytest.mark.parametrize(
    "words",
    ["siob", "O'Brien", "o'bri", "Siobhán", "brien2@contoso", "siobhan.o-brien2@contoso.example", "development",
     "anne-marie", "marie hof", "van 't hof", " anne   brien ", ""],
)  # fmt: skip
def test_a_starter_is_found_by_words_as_they_are_spelled(obrien, words):
    assert list(Starter.objects.matching(words)) == [obrien]


@pytest.mark.parametrize(
    "words", ["siobhan zzz", "&", "|:*", "!nobody", "xy & yz | (", "\\", "%", "🙂", "<->"]
)
def test_what_is_not_a_word_of_theirs_finds_nobody_and_breaks_nothing(obrien, words):
    assert list(Starter.objects.matching(words)) == []


def test_postgresql_looks_into_its_index_of_words(obrien):
    found = Starter.objects.matching("siob bri")
    if connection.vendor != "postgresql":
        assert list(found) == [obrien]  # it looks through all
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        assert INDEX in found.explain()
