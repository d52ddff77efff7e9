"""What the portal keeps of Entra's audit log, and the result of the last check of its own."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0010_sessions_ended"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DirectoryLog",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("complete_until", models.DateTimeField(null=True)),
                ("window_start", models.DateTimeField(null=True)),
                ("window_end", models.DateTimeField(null=True)),
                ("next_token", models.TextField(blank=True, default="")),
                ("read_at", models.DateTimeField(null=True)),
                ("refused_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_directory_log")
                ],
            },
        ),
        migrations.CreateModel(
            name="LoggedPass",
            fields=[
                ("entry_id", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
                ("by_portal", models.BooleanField()),
                (
                    "issue",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="logged",
                        to="onboarding.passissue",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DirectoryFinding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=150, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            (
                                "no_trail",
                                "the portal’s identity created a pass that the portal’s audit log does not have",
                            ),
                            ("by_another", "someone else created a pass for a starter"),
                            ("not_logged", "Entra’s audit log does not have a pass of the portal"),
                        ],
                        max_length=12,
                        verbose_name="finding",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="pass created")),
                ("found_at", models.DateTimeField(verbose_name="found")),
                ("event", models.BigIntegerField(verbose_name="audit event")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="closed by",
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onboarding.starter",
                        verbose_name="starter",
                    ),
                ),
            ],
            options={
                "ordering": ["-found_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)), fields=["kind"], name="open_finding"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["no_trail", "by_another", "not_logged"])),
                        name="finding_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("closed_by", None)),
                            models.Q(("closed_at__isnull", False), ("closed_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="finding_is_closed_by_somebody",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("finished_at", models.DateTimeField()),
                ("seq", models.BigIntegerField()),
                ("problems", models.PositiveIntegerField()),
                ("lines", models.JSONField(default=list)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_audit_check")
                ],
            },
        ),
    ]
