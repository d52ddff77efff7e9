"""How far the audit log was sent to each place outside the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0008_two_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditOutlet",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("events", "events in the server log"),
                            ("head_log", "signed checkpoints in the server log"),
                            ("head_file", "signed checkpoints in a file"),
                            ("head_url", "signed checkpoints to an address"),
                        ],
                        max_length=20,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("seq", models.BigIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, default="", max_length=200)),
            ],
        ),
    ]
