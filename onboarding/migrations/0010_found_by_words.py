"""Starters are found by the words of their names among a million: an index of words, which PostgreSQL has."""

from django.db import migrations, models

from onboarding.models import words


def index_words(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(words.CREATE)


def forget_index(apps, editor):
    if editor.connection.vendor == "postgresql":
        editor.execute(words.DROP)


class Migration(migrations.Migration):
    atomic = False  # an index that is made while others write
    dependencies = [("onboarding", "0009_installation")]
    operations = [
        migrations.RunPython(index_words, forget_index),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                fields=["state", "starts_at", "id"],
                name="starter_not_erased",
                condition=models.Q(erased_at__isnull=True),
            ),
        ),
    ]
