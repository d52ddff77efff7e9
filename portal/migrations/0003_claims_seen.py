"""One row: which claims the last sign-in brought, for whoever looks after the site."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0002_step_up_for"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClaimsSeen",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("names", models.JSONField(default=list)),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "claims seen",
                "verbose_name_plural": "claims seen",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_row_of_claims_seen")
                ],
            },
        ),
    ]
