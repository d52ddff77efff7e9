"""HR finds a starter by words of their names, in any spelling, also among a million."""

from __future__ import annotations

from datetime import date, time

import pytest
from django.db import connection

from onboarding.models import Starter, StarterWord, folded_words, starter_search
from onboarding.worker import retention

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
INDEX = "starter_by_word"


@pytest.fixture
def named(person):
    """Add a starter with this name, without reading the directory."""

    def made(display_name: str = "", **names: str) -> Starter:
        number = Starter.objects.count()
        names.setdefault("account_name", f"account{number}@contoso.example")
        return Starter.objects.create(
            account_id=f"0000be0c-0000-4000-8000-{number:012}",
            display_name=display_name,
            **names,
            start_date=date(2026, 9, 1),
            start_time=time(9),
            time_zone="Europe/Amsterdam",
            recorded_by=person("hanna"),
        )

    return made


@pytest.fixture
def obrien(named) -> Starter:
    return named(
        "Siobhán O'Brien",
        account_name="siobhan.o-brien2@contoso.example",
        department="Research/Development",
        manager_name="Anne-Marie van 't Hof",
    )


@pytest.mark.parametrize(
    "words",
    ["siob", "O'Brien", "o'bri", "Siobhán", "brien2@contoso", "siobhan.o-brien2@contoso.example", "development",
     "anne-marie", "marie hof", "van 't hof", " anne   brien ", "annemarie", "anne marie", "o’brien", "OBRIEN", ""],
)  # fmt: skip
def test_a_starter_is_found_by_words_as_they_are_spelled(obrien, words):
    assert list(Starter.objects.matching_words(words)) == [obrien]


@pytest.mark.parametrize(
    "words",
    ["siobhan zzz", "&", "|:*", "!nobody", "xy & yz | (", "\\", "%", "_", "🙂", "<->", "si%n", "s_xb"],
)
def test_unknown_word_finds_no_starter_and_no_error(obrien, words):
    assert list(Starter.objects.matching_words(words)) == []


# What is stored, and what a person types to find it.
SPELLINGS = [
    ("Jürgen Müller", "muller"),
    ("Jürgen Müller", "MÜLLER"),
    ("Jürgen Müller", "mueller"),
    ("Jürgen Müller", "juergen muller"),
    ("Jürgen Mu\u0308ller", "müller"),  # combining form stored
    ("Jürgen Müller", "mu\u0308ller"),  # combining form typed
    ("Zoe Mueller", "müller"),
    ("Jörg Groß", "jorg"),
    ("Jörg Groß", "gross"),
    ("Jörg Groß", "GROSS"),
    ("Jorg Gross", "groß"),
    ("GROẞ", "groß"),
    ("Sean O’Brien", "obrien"),
    ("Sean O’Brien", "o'brien"),
    ("Sean O'Brien", "o’brien"),
    ("Sean OʼBrien", "o`brien"),
    ("Sean O´Brien", "obrien"),
    ("Sean OBrien", "o'brien"),
    ("Sean O Brien", "o'brien"),
    ("Søren Kjærgård", "soren"),
    ("Søren Kjærgård", "soeren"),
    ("Søren Kjærgård", "kjaergaard"),
    ("Søren Kjærgård", "kjaergard"),
    ("Soren Kjaergard", "Søren Kjærgård"),
    ("Michał Łuczak", "luczak"),
    ("Michał Łuczak", "michal"),
    ("Michal Luczak", "Łuczak"),
    ("İbrahim Işık", "ibrahim"),
    ("İbrahim Işık", "isik"),
    ("ibrahim isik", "İBRAHİM IŞIK"),
    ("IBRAHIM ISIK", "ibrahim ışık"),
    ("Đorđe Đukić", "dorde dukic"),
    ("Þórunn Guðmundsdóttir", "thorunn gudmund"),
    ("Œuvré Lætitia", "oeuvre laetitia"),
    ("Nguyễn Thị Ánh", "nguyen thi anh"),
    ("Françoise Lefèvre", "francoise lefevre"),
    ("Ｍａｒｉａ Ｌｉｎｄ", "maria lind"),  # full-width
    ("ﬁona ﬂynn", "fiona flynn"),  # ligatures
    ("Anne\u2011Marie", "anne-marie"),  # a non-breaking hyphen
    ("Anne\u00adMarie", "annemarie"),  # a soft hyphen
    ("Noor\u200bde Vries", "noorde"),  # a zero-width space
    ("Νίκος Παπαδόπουλος", "νικος παπαδοπουλοσ"),
    ("Алёна Йовович", "алена иовович"),
    ("山田太郎", "山田"),
    ("محمد", "محمد"),
]


@pytest.mark.parametrize(("stored", "typed"), SPELLINGS)
def test_case_accents_and_apostrophes_make_no_difference(named, stored, typed):
    starter = named(stored)
    named("Somebody Else")

    assert list(Starter.objects.matching_words(typed)) == [starter]


def test_a_stand_in_and_a_department_are_found_as_well(named):
    starter = named("Noor", department="Qualität", stand_in_name="Zoë Ängström")

    assert [list(Starter.objects.matching_words(words)) for words in ("qualitat", "zoe angstrom")] == [
        [starter]
    ] * 2


# --- The words follow the names ------------------------------------------------------------------------------------


def test_search_finds_the_new_name_and_not_the_old(obrien):
    Starter.objects.filter(pk=obrien.pk).update(
        display_name="Siobhán Müller", account_name="s.muller@x.example"
    )

    assert not Starter.objects.matching_words("brien").exists()
    assert list(Starter.objects.matching_words("muller")) == [obrien]


def test_a_name_written_by_save_is_found(obrien):
    obrien.manager_name = "Łukasz"
    obrien.save(update_fields=["manager_name"])

    assert (
        list(Starter.objects.matching_words("lukasz")) == [obrien]
        and not Starter.objects.matching_words("marie").exists()
    )


def test_name_written_to_many_rows_is_found_at_each(named):
    starters = [named(f"Person {n}") for n in range(3)]

    Starter.objects.update(department="Zürich")

    assert list(Starter.objects.matching_words("zurich")) == starters


def test_a_check_without_a_new_name_writes_no_search_words(obrien, django_assert_num_queries):
    with django_assert_num_queries(2):  # one read of the names, one write of the row
        Starter.objects.filter(pk=obrien.pk).update(display_name=obrien.display_name, problem="")


def test_the_words_are_erased_with_the_starter(obrien):
    assert StarterWord.objects.filter(starter=obrien).exists()

    retention.erase_starter(obrien)

    assert not StarterWord.objects.filter(starter=obrien).exists()


def test_names_written_outside_the_models_are_found_after_daily_work(obrien, named):
    """The previous release does this during an upgrade."""
    other = named("Somebody Else")
    StarterWord.objects.filter(starter=other).delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE onboarding_starter SET display_name = 'Jörg' WHERE id = %s", [obrien.pk])

    starter_search.index_all_starters()

    assert list(Starter.objects.matching_words("jorg")) == [obrien] and list(
        Starter.objects.matching_words("else")
    ) == [other]


# --- Among a million --------------------------------------------------------------------------------------------------


def test_a_search_looks_into_the_index_of_words(obrien, named):
    found = Starter.objects.matching_words("siob bri")
    if connection.vendor == "postgresql":
        for number in range(200):  # PostgreSQL may use another index for a few words
            named(f"Somebody Else{number}")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE onboarding_starter, onboarding_starterword")
            cursor.execute("SET LOCAL enable_seqscan = off")
            assert f"on {INDEX}" in found.explain() or f"using {INDEX}" in found.explain()
        return
    assert f"{INDEX} (word>? AND word<?)" in found.explain()


def test_stored_and_typed_words_are_cut_at_the_same_length(named):
    long = "x" * (folded_words.MAX_WORD_LENGTH + 20)
    starter = named(long)

    assert list(Starter.objects.matching_words(long)) == [starter]
