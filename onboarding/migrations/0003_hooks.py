"""Webhooks, and the policy about where they can go."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import onboarding.models.starter


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0002_tickets"),
    ]

    operations = [
        migrations.AddField(
            model_name="policyversion",
            name="hook_hosts",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Enter one host per line, for example contoso.service-now.example. To allow all "
                "hosts below contoso.example, enter *.contoso.example. Leave empty to send no "
                "webhooks.",
                verbose_name="hosts that can receive webhooks",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="hook_private_ranges",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Normally the portal sends webhooks to public addresses only. If it should also "
                "send to your own network, enter its address ranges here, one per line, for "
                "example 10.20.0.0/16. Recommended: leave empty.",
                verbose_name="private networks that can receive webhooks",
            ),
        ),
        migrations.CreateModel(
            name="Hook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=onboarding.models.starter.new_public_id,
                        editable=False,
                        max_length=32,
                        unique=True,
                        verbose_name="ID",
                    ),
                ),
                ("source", models.CharField(max_length=32, verbose_name="source")),
                (
                    "application_id",
                    models.CharField(max_length=36, verbose_name="client ID of the application"),
                ),
                ("host", models.CharField(max_length=260, verbose_name="host")),
                (
                    "format",
                    models.CharField(
                        choices=[("standard", "Standard Webhooks"), ("teams", "card for Teams")],
                        default="standard",
                        max_length=8,
                        verbose_name="format",
                    ),
                ),
                (
                    "events",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="The events that the webhook gets. If empty, it gets all events.",
                        verbose_name="events",
                    ),
                ),
                ("sealed_url", models.TextField(blank=True, default="", verbose_name="encrypted address")),
                ("sealed_secret", models.TextField(blank=True, default="", verbose_name="encrypted secret")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="added")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "ended_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "active"),
                            ("caller", "removed by the application"),
                            ("admin", "revoked by an admin"),
                            ("receiver", "ended by the receiver"),
                        ],
                        default="",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0, verbose_name="failures in a row")),
                ("paused_until", models.DateTimeField(blank=True, null=True, verbose_name="paused until")),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)), fields=["source"], name="hook_active"
                    ),
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["application_id"],
                        name="hook_by_application",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "message_id",
                    models.CharField(
                        help_text="Identifies the delivery. The ID stays the same for each attempt, even if an "
                        "admin sends the delivery again.",
                        max_length=40,
                        unique=True,
                        verbose_name="webhook-id",
                    ),
                ),
                ("event", models.CharField(max_length=40, verbose_name="event")),
                ("body", models.TextField(blank=True, default="", verbose_name="content")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="time of the event"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("delivered", "delivered"),
                            ("given_up", "failed for good"),
                            ("cancelled", "cancelled, because the webhook ended"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("next_try_at", models.DateTimeField(blank=True, null=True, verbose_name="next try")),
                ("give_up_at", models.DateTimeField(verbose_name="portal stops trying at")),
                (
                    "http_status",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="HTTP status"),
                ),
                ("error", models.CharField(blank=True, default="", max_length=60, verbose_name="last error")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "hook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="onboarding.hook",
                        verbose_name="webhook",
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onboarding.starter",
                        verbose_name="starter",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "waiting")),
                        fields=["hook", "next_try_at"],
                        name="delivery_due",
                    ),
                    models.Index(
                        condition=models.Q(("status", "waiting")),
                        fields=["hook", "starter", "id"],
                        name="delivery_order",
                    ),
                    models.Index(fields=["ended_at"], name="delivery_ended"),
                ],
            },
        ),
    ]
