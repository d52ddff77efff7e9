"""Calls to Graph that have no answer yet are counted apart. Only adds, so old processes go on while it runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0012_named")]

    operations = [
        migrations.AddField(
            model_name="graphbudget",
            name="on_their_way",
            field=models.JSONField(default=list, help_text="When calls were taken that have no answer yet."),
        ),
        migrations.AlterField(
            model_name="graphbudget",
            name="recent",
            field=models.JSONField(
                default=list, help_text="When the last calls were answered, in seconds since 1970."
            ),
        ),
    ]
