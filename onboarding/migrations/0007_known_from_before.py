"""Starters are found by their day, and by the account, name or employee number that they had before."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0006_step_up_used"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(fields=["start_date", "state"], name="starter_by_day"),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                fields=["state", "start_date"], name="starter_kept", condition=models.Q(erased_at=None)
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(fields=["account_id"], name="starter_by_account"),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(fields=["account_name"], name="starter_by_account_name"),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(fields=["display_name"], name="starter_by_name"),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(fields=["employee_id"], name="starter_by_employee"),
        ),
    ]
