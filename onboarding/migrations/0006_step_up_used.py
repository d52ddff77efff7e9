"""Sign-ins that were made for one pass and used for it: each counts once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0005_second_looks")]

    operations = [
        migrations.CreateModel(
            name="StepUpUsed",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("proof", models.CharField(max_length=32, unique=True)),
                ("used_at", models.DateTimeField(db_index=True)),
            ],
            options={"verbose_name": "used step-up"},
        ),
    ]
