"""Names of the tables for those who read the administration in another language."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0011_told_and_routed"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="auditevent",
            options={
                "ordering": ["-seq"],
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
            },
        ),
        migrations.AlterModelOptions(
            name="heartbeat",
            options={"verbose_name": "heartbeat", "verbose_name_plural": "heartbeats"},
        ),
        migrations.AlterModelOptions(
            name="job",
            options={
                "ordering": ["priority", "due_at"],
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
            },
        ),
        migrations.AlterModelOptions(
            name="mail",
            options={"ordering": ["-written_at"], "verbose_name": "mail", "verbose_name_plural": "mails"},
        ),
        migrations.AlterModelOptions(
            name="passissue",
            options={
                "ordering": ["-intended_at"],
                "verbose_name": "pass issue",
                "verbose_name_plural": "pass issues",
            },
        ),
        migrations.AlterModelOptions(
            name="policyversion",
            options={
                "ordering": ["-number"],
                "verbose_name": "policy version",
                "verbose_name_plural": "policy versions",
            },
        ),
        migrations.AlterModelOptions(
            name="starter",
            options={
                "ordering": ["starts_at", "id"],
                "verbose_name": "starter",
                "verbose_name_plural": "starters",
            },
        ),
    ]
