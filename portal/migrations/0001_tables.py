"""Who signed in, their sessions, and which claims Microsoft sent."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
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
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("tid", models.CharField(max_length=36, verbose_name="tenant ID")),
                ("oid", models.CharField(max_length=36, verbose_name="object ID")),
                ("name", models.CharField(max_length=256, verbose_name="name")),
                (
                    "user_principal_name",
                    models.CharField(max_length=1024, verbose_name="user principal name"),
                ),
                ("roles", models.JSONField(blank=True, default=list, verbose_name="roles")),
                (
                    "last_admin_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last seen as an admin"
                    ),
                ),
                (
                    "sessions_ended_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="sessions ended by an admin"
                    ),
                ),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "constraints": [models.UniqueConstraint(fields=("tid", "oid"), name="person_once")],
            },
        ),
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
                "verbose_name": "claims in the last sign-ins",
                "verbose_name_plural": "claims in the last sign-ins",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_row_of_claims_seen")
                ],
            },
        ),
        migrations.CreateModel(
            name="SignIn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state_hash", models.CharField(max_length=64, unique=True)),
                ("browser_hash", models.CharField(max_length=64)),
                ("flow", models.JSONField()),
                ("next_path", models.CharField(max_length=2000)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("sign in", "Sign In"), ("step up", "Step Up"), ("silent", "Silent")],
                        max_length=10,
                    ),
                ),
                ("expected_oid", models.CharField(blank=True, max_length=36)),
                ("made_for", models.CharField(blank=True, default="", max_length=64)),
                ("context", models.CharField(blank=True, default="", max_length=3)),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "verbose_name": "sign-in in progress",
                "verbose_name_plural": "sign-ins in progress",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("purpose", "sign in"),
                            models.Q(("expected_oid", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="step_up_names_its_person",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("context", ""),
                            models.Q(("purpose", "step up"), models.Q(("made_for", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="context_is_for_something",
                    ),
                ],
            },
        ),
    ]
