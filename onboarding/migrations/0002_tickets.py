"""Tickets of other systems, and the policy about who can use the API."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="policyversion",
            name="api_agents",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="An AI agent must also be in the list of applications. Recommended: no.",
                verbose_name="AI agents can use the API",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="api_applications",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="One per line: the application's client ID, then the names of the systems whose tickets it can use. For example: 11111111-2222-3333-4444-555555555555 servicenow. Leave empty to close the API.",
                verbose_name="applications that can use the API",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="api_trusted_sources",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="One system per line. The portal accepts a starter automatically if the "
                "requester works in HR and signed in to the portal in the last 90 days. The "
                "requester then counts as the person who added the starter. Recommended: leave "
                "empty.",
                verbose_name="systems whose starters can be accepted automatically",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="recorded_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="added by",
            ),
        ),
        migrations.CreateModel(
            name="Ticket",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        help_text="The system that has the ticket.", max_length=32, verbose_name="source"
                    ),
                ),
                ("number", models.CharField(max_length=64, verbose_name="ticket")),
                (
                    "application_id",
                    models.CharField(
                        help_text="The application that added the starter.",
                        max_length=36,
                        verbose_name="client ID of the application",
                    ),
                ),
                ("account", models.CharField(max_length=320, verbose_name="account in the ticket")),
                (
                    "requested_by",
                    models.CharField(
                        blank=True, default="", max_length=320, verbose_name="requester in the ticket"
                    ),
                ),
                (
                    "requested_by_id",
                    models.CharField(
                        blank=True, default="", max_length=36, verbose_name="object ID of the requester"
                    ),
                ),
                (
                    "requested_by_name",
                    models.CharField(blank=True, default="", max_length=256, verbose_name="requested by"),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="added")),
                ("accepted_at", models.DateTimeField(blank=True, null=True, verbose_name="accepted by HR")),
                (
                    "changed_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="last changed"),
                ),
                ("last_event", models.BigIntegerField(default=0, verbose_name="latest audit event")),
                (
                    "starter",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ticket",
                        to="onboarding.starter",
                        verbose_name="starter",
                    ),
                ),
            ],
            options={
                "verbose_name": "ticket",
                "verbose_name_plural": "tickets",
                "indexes": [
                    models.Index(fields=["source", "last_event"], name="ticket_by_change"),
                    models.Index(fields=["source", "changed_at"], name="ticket_by_time"),
                    models.Index(fields=["application_id", "created_at"], name="ticket_by_application"),
                    models.Index(
                        condition=models.Q(("accepted_at__isnull", True)),
                        fields=["created_at"],
                        name="ticket_to_accept",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "number"), name="one_starter_a_ticket"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("source", ""), _negated=True), models.Q(("number", ""), _negated=True)
                        ),
                        name="ticket_has_a_key",
                    ),
                ],
            },
        ),
    ]
