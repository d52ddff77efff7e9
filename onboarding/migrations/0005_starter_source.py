"""The system whose ticket added a starter."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0004_tickets_as_sent"),
    ]

    operations = [
        migrations.AddField(
            model_name="starter",
            name="source",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=32, verbose_name="source"
            ),
        ),
    ]
