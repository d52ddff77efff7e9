"""What the portal keeps of Entra's audit log, the result of the last check of its own, and proposals by hire date."""

import django.core.validators
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
                ("key", models.CharField(max_length=150, unique=True, verbose_name="entry or attempt")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            (
                                "no_trail",
                                "the portal’s identity created a pass that the portal’s audit log does not have",
                            ),
                            ("by_another", "someone else created a pass for a starter"),
                            (
                                "not_logged",
                                "a pass that the portal created is missing from Entra’s audit log",
                            ),
                        ],
                        max_length=12,
                        verbose_name="difference",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="pass created")),
                ("found_at", models.DateTimeField(verbose_name="found")),
                ("event", models.BigIntegerField(verbose_name="audit event")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="resolved")),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="resolved by",
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
                "verbose_name": "difference from Entra’s audit log",
                "verbose_name_plural": "differences from Entra’s audit log",
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
        migrations.AddField(
            model_name="policyversion",
            name="accept_proposals",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="The portal accepts each proposal that has no warning, without asking HR. The two "
                "admins who agreed to this setting then count as the people who added the starter. "
                "Recommended: no.",
                verbose_name="accept proposals automatically",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="propose_days",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="Every hour, the portal reads the hire dates in Entra. It proposes a starter for each "
                "allowed account with a hire date within this many days, and HR accepts the proposals. "
                "0 turns proposals off. Recommended: 0, or 14 if your HR system sets hire dates.",
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(90),
                ],
                verbose_name="propose starters by hire date (days ahead)",
            ),
        ),
        migrations.CreateModel(
            name="HireListing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_day", models.DateField(null=True)),
                ("last_day", models.DateField(null=True)),
                ("next_token", models.TextField(blank=True, default="")),
                ("read_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_hire_listing")
                ],
            },
        ),
    ]
