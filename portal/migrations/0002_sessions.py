"""What ends a session from outside: an admin, or Entra."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0001_initial"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="EntraSession",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="sessions.session",
                    ),
                ),
                ("sid_hash", models.CharField(db_index=True, max_length=64)),
            ],
            options={
                "verbose_name": "Entra session",
                "verbose_name_plural": "Entra sessions",
            },
        ),
        migrations.AddField(
            model_name="user",
            name="sessions_ended_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="sessions ended by an admin"
            ),
        ),
        migrations.AlterField(
            model_name="signin",
            name="purpose",
            field=models.CharField(
                choices=[("sign in", "Sign In"), ("step up", "Step Up"), ("silent", "Silent")], max_length=10
            ),
        ),
    ]
