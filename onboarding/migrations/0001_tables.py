"""The tables, what the database itself holds true, and the rows that must be there from the start."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import onboarding.models.audit
import onboarding.models.policy_settings
import onboarding.models.starter
from onboarding.audit import triggers


def add_first_rows(apps, editor):
    """The first policy, the head of the audit chain, Graph's quota, and which installation this database belongs to."""
    apps.get_model("onboarding", "AuditHead").objects.get_or_create(id=1)
    apps.get_model("onboarding", "GraphBudget").objects.get_or_create(id=1)
    policy = apps.get_model("onboarding", "PolicyVersion")
    if not policy.objects.exists():
        policy.objects.create(reason="The defaults that come with the portal")
    apps.get_model("onboarding", "Installation").objects.get_or_create(
        id=1,
        defaults={
            "tenant_id": settings.TENANT_ID,
            "address": "this machine" if settings.LOOPBACK else settings.PORTAL_URL,
        },
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("portal", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "caller",
                    models.CharField(
                        max_length=36, verbose_name="person or application (object ID or client ID)"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                (
                    "count",
                    models.PositiveIntegerField(
                        default=0, verbose_name="look-ups and changes through the API"
                    ),
                ),
                (
                    "look_ups",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="accounts looked up by HR"
                    ),
                ),
                (
                    "links",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="links sent again by HR"
                    ),
                ),
                (
                    "refusals",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="refused requests for a pass"
                    ),
                ),
            ],
            options={
                "verbose_name": "use of the daily limits",
                "constraints": [
                    models.UniqueConstraint(fields=("caller", "day"), name="api_usage_once_a_day")
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
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("seq", models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number")),
                (
                    "at",
                    models.CharField(
                        help_text="In UTC. The event’s hash was calculated from exactly this text.",
                        max_length=32,
                        verbose_name="time",
                    ),
                ),
                ("event", models.CharField(db_index=True, max_length=40, verbose_name="event")),
                (
                    "starter",
                    models.CharField(blank=True, db_index=True, max_length=32, verbose_name="starter"),
                ),
                ("issue", models.CharField(blank=True, db_index=True, max_length=36, verbose_name="pass")),
                ("facts", models.JSONField(default=dict, verbose_name="details of the event (not personal)")),
                (
                    "commitments",
                    models.JSONField(default=dict, verbose_name="hashes of personal details (commitments)"),
                ),
                ("previous", models.CharField(max_length=64, verbose_name="hash of the previous event")),
                ("hash", models.CharField(max_length=64, unique=True, verbose_name="hash of this event")),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
                "ordering": ["-seq"],
                "indexes": [models.Index(fields=["event", "seq"], name="audit_event_by_kind")],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seq", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.CharField(
                        default="0000000000000000000000000000000000000000000000000000000000000000",
                        max_length=64,
                    ),
                ),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="one_audit_head")],
            },
        ),
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
                            ("head_url", "signed checkpoints sent to a web address"),
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
        migrations.CreateModel(
            name="AuditWord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starter", models.CharField(max_length=32)),
                ("word", models.CharField(max_length=64)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["word", "starter"],
                        name="audit_starter_by_word",
                        opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("starter", "word"), name="audit_word_once")],
            },
        ),
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
            name="GraphBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recent",
                    models.JSONField(
                        default=list, help_text="When the last calls were answered, in seconds since 1970."
                    ),
                ),
                (
                    "on_their_way",
                    models.JSONField(
                        default=list, help_text="When calls were taken that have no answer yet."
                    ),
                ),
                ("paused_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_graph_budget")
                ],
            },
        ),
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("worker", models.CharField(max_length=100, unique=True, verbose_name="worker")),
                ("beat_at", models.DateTimeField(verbose_name="last heartbeat")),
                (
                    "clock_skew",
                    models.IntegerField(
                        blank=True,
                        help_text="How far Microsoft's clock was ahead of this worker's clock when Microsoft last answered.",
                        null=True,
                        verbose_name="seconds by which Microsoft’s clock is ahead of the worker’s clock",
                    ),
                ),
            ],
            options={
                "verbose_name": "heartbeat",
                "verbose_name_plural": "heartbeats",
            },
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
                        help_text="The events that the webhook gets. If this list is empty, the webhook gets all events.",
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
            name="HrMailChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "choice",
                    models.CharField(
                        choices=[("digest", "Digest only"), ("urgent", "Digest and urgent emails")],
                        max_length=10,
                        verbose_name="selected emails",
                    ),
                ),
                (
                    "address",
                    models.CharField(
                        help_text="The person’s address in Entra when they made this choice.",
                        max_length=254,
                        verbose_name="address",
                    ),
                ),
                ("chosen_at", models.DateTimeField(verbose_name="chosen")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hr_mail_choice",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "HR email choice",
                "verbose_name_plural": "HR email choices",
            },
        ),
        migrations.CreateModel(
            name="ImportColumns",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "signature",
                    models.CharField(max_length=64, unique=True, verbose_name="hash of the column titles"),
                ),
                ("choices", models.JSONField(default=dict, verbose_name="column choices")),
                (
                    "changed_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="last changed"),
                ),
            ],
            options={
                "verbose_name": "saved column choices",
                "verbose_name_plural": "saved column choices",
            },
        ),
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant_id", models.CharField(max_length=36)),
                ("address", models.CharField(max_length=300)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_installation")
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="The kind of job, and the record that it concerns. The queue never contains the same job twice.",
                        max_length=100,
                        unique=True,
                        verbose_name="job",
                    ),
                ),
                (
                    "priority",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (0, "passes"),
                            (1, "mail"),
                            (2, "checking accounts"),
                            (3, "tracking existing passes"),
                        ],
                        verbose_name="priority",
                    ),
                ),
                ("due_at", models.DateTimeField(verbose_name="due")),
                (
                    "attempts",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="How often the job has failed since it last succeeded or was started again.",
                        verbose_name="failed attempts in a row",
                    ),
                ),
                ("locked_until", models.DateTimeField(blank=True, null=True, verbose_name="locked until")),
                (
                    "claim",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="How many times a worker has started this job. Only the worker that started it last can finish the job.",
                        verbose_name="times started",
                    ),
                ),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                (
                    "failed_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Set if this job failed for too long. An admin can then start the job again.",
                        null=True,
                        verbose_name="failed",
                    ),
                ),
                (
                    "last_error",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="last error"),
                ),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "ordering": ["priority", "due_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at__isnull", True), ("failed_at__isnull", True)),
                        fields=["priority", "due_at"],
                        name="job_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("failed_at__isnull", False)),
                        fields=["failed_at"],
                        name="job_failed",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MetricCount",
            fields=[
                ("series", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("value", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                (
                    "frozen",
                    models.BooleanField(
                        default=False,
                        help_text="Stops all new passes immediately. A banner shows your name and the reason above. One admin can freeze the portal alone. To unfreeze it, you need a second admin.",
                        verbose_name="freeze: managers cannot create passes",
                    ),
                ),
                (
                    "lifetime_minutes",
                    models.PositiveSmallIntegerField(
                        default=60,
                        help_text="10 to 480 minutes, within the limits set in Entra. Recommended: 60.",
                        validators=[
                            django.core.validators.MinValueValidator(10),
                            django.core.validators.MaxValueValidator(480),
                        ],
                        verbose_name="lifetime of a pass (minutes)",
                    ),
                ),
                ("single_use", models.BooleanField(default=True, editable=False, verbose_name="single use")),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(
                        default=3,
                        help_text="After this many passes for the same starter, the manager can create another one only if HR allows it. Recommended: 3.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10),
                        ],
                        verbose_name="passes per starter",
                    ),
                ),
                (
                    "identity_checks",
                    models.JSONField(
                        default=onboarding.models.policy_settings.every_check,
                        help_text="When a manager confirms the starter’s identity, the manager chooses how they checked it. Untick the identity checks that your organisation does not accept.",
                        verbose_name="accepted identity checks",
                    ),
                ),
                (
                    "sign_in_minutes",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="If the manager signed in more than this many minutes ago, they must sign in again to create a pass. Recommended: 5.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="maximum age of the manager's sign-in (minutes)",
                    ),
                ),
                (
                    "step_up_context",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Enter an authentication context, for example c1. The manager must then sign in again for each pass and meet the context’s conditions. First assign a Conditional Access policy to the context: without one, Entra grants the context to everyone. Without a context, a recent sign-in is enough.",
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\Ac[1-9][0-9]?\\Z", "Enter an authentication context from c1 to c99."
                            )
                        ],
                        verbose_name="authentication context",
                    ),
                ),
                (
                    "opens_minutes_before",
                    models.PositiveSmallIntegerField(
                        default=120,
                        help_text="The manager can create a pass from this many minutes before the starter’s start time. Recommended: 120, for starters who arrive early.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                        verbose_name="passes can be created from (minutes before the start)",
                    ),
                ),
                (
                    "closes_days_after",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="The manager can create a pass until this many days after the start. Recommended: 5, for starters who begin late.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(30),
                        ],
                        verbose_name="passes can be created until (days after the start)",
                    ),
                ),
                (
                    "invite_days_before",
                    models.PositiveSmallIntegerField(
                        default=3,
                        help_text="The portal emails the link to the manager this many days before the start. Recommended: 3.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(30),
                        ],
                        verbose_name="invitation to the manager (days before the start)",
                    ),
                ),
                (
                    "remind_days_before",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="The portal reminds the manager this many days before the start. 0 means no reminder. Recommended: 0, or 1 if the portal sends the invitation more than three days before the start.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(29),
                        ],
                        verbose_name="reminder (days before the start)",
                    ),
                ),
                (
                    "remind_on_day",
                    models.BooleanField(
                        default=True,
                        help_text="The portal emails the manager as soon as they can create the pass. Recommended.",
                        verbose_name="reminder on the first day",
                    ),
                ),
                (
                    "escalate_to",
                    models.CharField(
                        choices=[
                            ("nobody", "nobody"),
                            ("above", "the manager’s manager"),
                            ("duty", "the on-call address"),
                        ],
                        db_default="above",
                        default="above",
                        help_text="If there is no pass yet on the first day, the portal sends one email to the recipient chosen here. If Entra has no email address for the manager’s manager, the email goes to the on-call address. If there is no on-call address, it goes to HR. Recommended: the manager’s manager, who can act if the manager is ill.",
                        max_length=8,
                        verbose_name="recipient of the escalation email",
                    ),
                ),
                (
                    "escalate_hour",
                    models.PositiveSmallIntegerField(
                        db_default=11,
                        default=11,
                        help_text="The time of day as a whole hour from 1 to 23, in the starter's time zone. For example, 11 means 11:00 and 15 means 15:00. If the starter begins late in the day, the portal waits until one hour after the start. Recommended: 11.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(23),
                        ],
                        verbose_name="time of the escalation email (hour on the first day)",
                    ),
                ),
                (
                    "new_days_before",
                    models.PositiveSmallIntegerField(
                        default=90,
                        help_text="The portal creates no pass for an account that was created more than this many days before the start. The only exception is an account that nobody has ever signed in to and whose hire date in Entra is within this limit and the next one. Recommended: 90. A lower number is safer.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="earliest creation of the account (days before the start)",
                    ),
                ),
                (
                    "new_days_after",
                    models.PositiveSmallIntegerField(
                        default=31,
                        help_text="The portal creates no pass for an account that was created more than this many days after the start. The only exception is an account that nobody has ever signed in to and whose hire date in Entra is within this limit and the previous one. Recommended: 31.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="latest creation of the account (days after the start)",
                    ),
                ),
                (
                    "hire_date",
                    models.CharField(
                        choices=[
                            ("off", "do not check"),
                            ("known", "check only if Entra has a hire date"),
                            ("required", "check, and refuse the pass if Entra has no hire date"),
                        ],
                        default="known",
                        help_text="A hire date in Entra that is far from the start date can mean that HR chose the wrong account or year.",
                        max_length=8,
                        verbose_name="hire date matches the start date",
                    ),
                ),
                (
                    "hire_date_days",
                    models.PositiveSmallIntegerField(
                        default=31,
                        help_text="Recommended: 31, because a contract can begin on the first of the month although the starter begins later that month.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="allowed difference between hire date and start date (days)",
                    ),
                ),
                (
                    "same_person",
                    models.BooleanField(
                        default=True,
                        help_text="The portal creates no pass if the name, account name or employee number changed after HR checked the account. HR can check the account again. Recommended, because an account name can be reused for another person.",
                        verbose_name="same person as when HR checked",
                    ),
                ),
                (
                    "same_manager",
                    models.BooleanField(
                        default=True,
                        help_text="The portal creates no pass if the manager changed after HR checked the account. HR can accept the new manager. Recommended. Otherwise, someone who can change the manager in Entra can choose who gets the pass.",
                        verbose_name="same manager as when HR checked",
                    ),
                ),
                (
                    "eligible_roles",
                    models.CharField(
                        choices=[
                            ("refuse", "check, and refuse the pass if the data cannot be read"),
                            (
                                "skip",
                                "check, but continue if the data cannot be read (recorded with the pass)",
                            ),
                        ],
                        default="refuse",
                        help_text="Checks that the account cannot activate an administrator role. Needs RoleManagement.Read.Directory and a licence with Privileged Identity Management. Choose “continue” only if the tenant does not have this licence. Without the licence, there are no eligible roles.",
                        max_length=6,
                        verbose_name="eligible administrator roles (PIM)",
                    ),
                ),
                (
                    "eligible_groups",
                    models.CharField(
                        choices=[
                            ("refuse", "check, and refuse the pass if the data cannot be read"),
                            (
                                "skip",
                                "check, but continue if the data cannot be read (recorded with the pass)",
                            ),
                            ("off", "do not check"),
                        ],
                        default="refuse",
                        help_text="Checks that the account cannot join groups via PIM. Needs PrivilegedEligibilitySchedule.Read.AzureADGroup and a licence with Privileged Identity Management.",
                        max_length=6,
                        verbose_name="eligible groups (PIM for groups)",
                    ),
                ),
                (
                    "pass_policy",
                    models.CharField(
                        choices=[
                            ("refuse", "check, and refuse the pass if the data cannot be read"),
                            (
                                "skip",
                                "check, but continue if the data cannot be read (recorded with the pass)",
                            ),
                            ("off", "do not check"),
                        ],
                        default="refuse",
                        help_text="Checks whether Entra allows this pass for this account. Needs Policy.Read.AuthenticationMethod. Without this check, the manager sees a problem only when Microsoft refuses the pass.",
                        max_length=6,
                        verbose_name="the tenant's Temporary Access Pass policy",
                    ),
                ),
                (
                    "sign_ins",
                    models.CharField(
                        choices=[
                            ("refuse", "check, and refuse the pass if the data cannot be read"),
                            (
                                "skip",
                                "check, but continue if the data cannot be read (recorded with the pass)",
                            ),
                        ],
                        default="skip",
                        help_text="Checks that nobody has signed in with the account before. Needs AuditLog.Read.All and Entra ID P1. If you choose to continue and the portal cannot read the last sign-in, only accounts created around the start date count as new.",
                        max_length=6,
                        verbose_name="last sign-in",
                    ),
                ),
                (
                    "restricted_unit",
                    models.BooleanField(
                        default=True,
                        help_text="The portal creates no pass for accounts in a restricted management administrative unit. Recommended, because Microsoft refuses these accounts too.",
                        verbose_name="not in a restricted management administrative unit",
                    ),
                ),
                (
                    "phones_beforehand",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="A phone can be a sign-in method, so the portal normally creates no pass for an account with a phone number. Turn this setting on only if HR or IT registers phone numbers before the first day. The portal will then accept any phone on a new account, which is less safe.",
                        verbose_name="HR registers phones before the first day",
                    ),
                ),
                (
                    "scope_domains",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Enter one domain per line, for example contoso.example. Only accounts in these domains can get a pass. Leave empty to allow all domains.",
                        verbose_name="allowed domains",
                    ),
                ),
                (
                    "scope_departments",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Enter one department per line, spelled as in Entra. Capitals do not matter. Leave empty to allow all departments.",
                        verbose_name="allowed departments",
                    ),
                ),
                (
                    "scope_groups",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Enter the object ID of one group per line. Members of nested groups are included. Leave empty to allow all accounts.",
                        verbose_name="allowed groups",
                    ),
                ),
                (
                    "deny_list",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="Enter one object ID per line, for example of an emergency access account. This list overrides all other settings.",
                        verbose_name="accounts and groups that never get a pass",
                    ),
                ),
                (
                    "probe_accounts",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Enter the object ID of one test account per line. For one hour after a second admin activates the version, `manage.py prove_tenant` can create passes for these accounts. The portal never shows the codes of these passes, and deletes the passes after the test. Recommended: leave empty.",
                        verbose_name="test accounts for test passes (for one hour)",
                    ),
                ),
                (
                    "manager_daily",
                    models.PositiveIntegerField(
                        default=20,
                        help_text="Enter the largest number of starters that one manager receives in one day, plus a few for lost passes. Recommended: 20.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="passes per manager per day",
                    ),
                ),
                (
                    "hr_daily",
                    models.PositiveIntegerField(
                        default=500,
                        help_text="Recommended: 500.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                        verbose_name="starters that one person in HR can add per day",
                    ),
                ),
                (
                    "import_daily",
                    models.PositiveIntegerField(
                        db_default=2000,
                        default=2000,
                        help_text="Counts every row of an uploaded or pasted list, because the portal reads each account in Entra. Recommended: four times the number of starters that one person in HR can add per day.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(50000),
                        ],
                        verbose_name="rows that one person in HR can import per day",
                    ),
                ),
                (
                    "hr_look_ups_daily",
                    models.PositiveIntegerField(
                        db_default=1500,
                        default=1500,
                        help_text="Adding a starter takes two look-ups: one to check the account, and one to save. Recommended: three times the number of starters that one person in HR can add per day.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="accounts that one person in HR can look up per day",
                    ),
                ),
                (
                    "hr_links_daily",
                    models.PositiveIntegerField(
                        db_default=200,
                        default=200,
                        help_text="Managers get an email each time. Recommended: 200.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10000),
                        ],
                        verbose_name="links that one person in HR can send again per day",
                    ),
                ),
                (
                    "manager_refusals_daily",
                    models.PositiveIntegerField(
                        db_default=30,
                        default=30,
                        help_text="After this many refused requests for a pass, the manager must wait until the next day. Requests that only need a new sign-in do not count. Recommended: 30.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="refused requests per manager per day",
                    ),
                ),
                (
                    "site_daily",
                    models.PositiveIntegerField(
                        default=1000,
                        help_text="Enter the largest number of starters that you expect on one day, plus ten per cent. The portal creates at most this many passes a day, which limits the damage of an attack.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="passes per day in total",
                    ),
                ),
                (
                    "second_admin",
                    models.CharField(
                        choices=[
                            ("loosens", "only for changes that loosen a rule"),
                            ("always", "for every change"),
                        ],
                        default="loosens",
                        help_text="A version that loosens a rule always needs a second admin. A freeze never does. Recommended: “for every change” if there are three admins or more.",
                        max_length=8,
                        verbose_name="a second admin must activate new versions",
                    ),
                ),
                (
                    "admin_days",
                    models.PositiveSmallIntegerField(
                        db_default=30,
                        default=30,
                        help_text="A former admin must wait this many days before they can create passes. Recommended: 30. A shorter time is less safe.",
                        validators=[
                            django.core.validators.MinValueValidator(2),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="days before former admins can create passes",
                    ),
                ),
                (
                    "approve_all",
                    models.BooleanField(
                        default=False,
                        help_text="The manager can create a pass only after a second person in HR approves and gives a reason. The person who added the starter cannot approve. Recommended for sensitive departments only.",
                        verbose_name="a second person in HR approves every starter",
                    ),
                ),
                (
                    "approve_manager",
                    models.BooleanField(
                        default=False,
                        help_text="If HR accepts a new manager or assigns a stand-in, a second person in HR must approve this.",
                        verbose_name="a second person in HR approves a changed manager",
                    ),
                ),
                (
                    "approve_beyond",
                    models.BooleanField(
                        default=False,
                        help_text="If HR allows a pass beyond the limit, a second person in HR must approve it.",
                        verbose_name="a second person in HR approves a pass beyond the limit",
                    ),
                ),
                (
                    "api_applications",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Enter one application per line: its client ID, then the names of the systems whose tickets it can use. Example: 11111111-2222-3333-4444-555555555555 servicenow. Leave empty to close the API.",
                        verbose_name="applications that can use the API",
                    ),
                ),
                (
                    "api_trusted_sources",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Enter one system per line. The portal accepts a starter from such a system automatically if the requester in the ticket works in HR and signed in to the portal in the last 90 days. The requester then counts as the person who added the starter. Recommended: leave empty.",
                        verbose_name="systems whose starters can be accepted automatically",
                    ),
                ),
                (
                    "api_agents",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="An AI agent must also be in the list of applications. Recommended: no.",
                        verbose_name="AI agents can use the API",
                    ),
                ),
                (
                    "propose_days",
                    models.PositiveSmallIntegerField(
                        db_default=0,
                        default=0,
                        help_text="Every hour, the portal reads the hire dates in Entra. It proposes a starter for each allowed account with a hire date within this many days. HR accepts the proposals. 0 turns proposals off. Recommended: 0, or 14 if your HR system sets hire dates.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="propose starters by hire date (days ahead)",
                    ),
                ),
                (
                    "accept_proposals",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="The portal accepts each proposal that has no warning, without asking HR. The two admins who agreed to this setting then count as the people who added the starter. Recommended: no.",
                        verbose_name="accept proposals automatically",
                    ),
                ),
                (
                    "hook_hosts",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Enter one host per line, for example contoso.service-now.example. To allow all hosts below contoso.example, enter *.contoso.example. Leave empty to send no webhooks.",
                        verbose_name="hosts that can receive webhooks",
                    ),
                ),
                (
                    "hook_private_ranges",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The portal sends webhooks only to public addresses and to the networks that you enter here. Enter one address range per line, for example 10.20.0.0/16. Recommended: leave empty.",
                        verbose_name="private networks that can receive webhooks",
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="The portal deletes the starter's personal details this many days after the end of the onboarding. Recommended: 30.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="keep personal details (days after the onboarding ends)",
                    ),
                ),
                (
                    "audit_days",
                    models.PositiveSmallIntegerField(
                        default=365,
                        help_text="The portal deletes the names from the audit log this many days after the end of the onboarding. The events stay, and you can still check that nobody changed the log. Recommended: 365.",
                        validators=[
                            django.core.validators.MinValueValidator(90),
                            django.core.validators.MaxValueValidator(1096),
                        ],
                        verbose_name="keep names in the audit log (days after the onboarding ends)",
                    ),
                ),
                (
                    "hr_address",
                    models.EmailField(
                        blank=True,
                        default="",
                        help_text="The portal sends emails for HR to this address. If the policy has no address, the portal uses the one set at installation.",
                        max_length=254,
                        verbose_name="HR's email address",
                    ),
                ),
                (
                    "security_address",
                    models.EmailField(
                        blank=True,
                        default="",
                        help_text="The portal sends security alerts to this address, for example when someone requests a pass for a privileged account or when the policy changes. Leave empty to use the address set at installation.",
                        max_length=254,
                        verbose_name="security team's email address",
                    ),
                ),
                (
                    "duty_address",
                    models.EmailField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The address of a team, such as the service desk, that can find a stand-in on the first day. If the policy has no on-call address, the portal uses HR's address.",
                        max_length=254,
                        verbose_name="on-call address",
                    ),
                ),
                (
                    "graph_calls",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="The largest number of calls about passes in the period set below. Microsoft's limit is 5 calls in 10 seconds. Leave empty to use the value set at installation.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(4),
                            django.core.validators.MaxValueValidator(1000),
                        ],
                        verbose_name="Microsoft Graph: calls about passes",
                    ),
                ),
                (
                    "graph_seconds",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Leave empty to use the value set at installation.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="Microsoft Graph: period for these calls (seconds)",
                    ),
                ),
                ("number", models.BigAutoField(primary_key=True, serialize=False, verbose_name="number")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        help_text="Admins and auditors can read this reason, and the portal emails it to HR and the security team. If you freeze the portal, the banner shows the reason to everyone.",
                        max_length=300,
                        verbose_name="reason for the change",
                    ),
                ),
                (
                    "department",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        help_text="The department's name as in Entra.",
                        max_length=128,
                        verbose_name="department",
                    ),
                ),
                (
                    "overrides",
                    models.JSONField(
                        default=list,
                        editable=False,
                        help_text="Only these settings are different for the department. All other settings are the same as for the whole organisation.",
                        verbose_name="settings that differ for this department",
                    ),
                ),
                (
                    "needs_second",
                    models.BooleanField(default=False, editable=False, verbose_name="needs a second admin"),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="written by",
                    ),
                ),
            ],
            options={
                "verbose_name": "policy version",
                "verbose_name_plural": "policy versions",
                "ordering": ["-number"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("lifetime_minutes__gte", 10), ("lifetime_minutes__lte", 480)),
                        name="policy_lifetime_within_floors",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("single_use", True)), name="policy_is_single_use_always"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attempts__gte", 1), ("attempts__lte", 10)),
                        name="policy_attempts_bounded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sign_in_minutes__gte", 1), ("sign_in_minutes__lte", 60)),
                        name="policy_sign_in_is_fresh",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("closes_days_after__gte", 1),
                            ("closes_days_after__lte", 30),
                            ("opens_minutes_before__lte", 1440),
                        ),
                        name="policy_window_bounded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("new_days_after__lte", 90),
                            ("new_days_before__gte", 1),
                            ("new_days_before__lte", 365),
                        ),
                        name="policy_new_is_new",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("eligible_roles__in", ["refuse", "skip"])),
                        name="policy_privileged_is_checked",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("manager_daily__gte", 1),
                            ("manager_daily__lte", 1000),
                            ("site_daily__lte", 100000),
                        ),
                        name="policy_has_caps",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("department", ""), ("frozen", False), _connector="OR"),
                        name="policy_freezes_everywhere",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedFilter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("query", models.TextField(verbose_name="filters")),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="saved")),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="saved by",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved filter",
                "verbose_name_plural": "saved filters",
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="saved_filter_has_its_own_name")
                ],
            },
        ),
        migrations.CreateModel(
            name="SignInBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "recent",
                    models.JSONField(
                        default=list, help_text="When the last calls were answered, in seconds since 1970."
                    ),
                ),
                (
                    "on_their_way",
                    models.JSONField(
                        default=list, help_text="When calls were taken that have no answer yet."
                    ),
                ),
                ("paused_until", models.DateTimeField(blank=True, null=True)),
                ("lists_refused_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="one_sign_in_budget")
                ],
            },
        ),
        migrations.CreateModel(
            name="Starter",
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
                        verbose_name="ID in web addresses",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("recorded", "Added"),
                            ("invited", "Manager invited"),
                            ("issued", "Pass handed over"),
                            ("registered", "Can sign in"),
                            ("withdrawn", "Withdrawn"),
                            ("lapsed", "Not completed"),
                        ],
                        default="recorded",
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version of this record")),
                (
                    "problem",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("account_missing", "The account does not exist yet"),
                            ("account_found", "An account was found. Check whether it is the right one"),
                            ("account_gone", "The account is no longer in Entra"),
                            ("no_manager", "No manager is set in Entra"),
                            ("no_mailbox", "The manager has no mailbox"),
                            ("manager_recorded", "The manager added or changed this starter"),
                            ("account_changed", "The account has changed since HR checked it"),
                            (
                                "manager_changed",
                                "The manager in Entra has changed since HR checked the account",
                            ),
                            ("refused", "The portal cannot create a pass for this account"),
                            ("mail_failed", "The email to the manager could not be sent"),
                            ("mail_refused", "The manager’s email address does not accept emails"),
                            ("not_registered", "The pass was used, but no sign-in method was registered"),
                            ("no_stand_in", "The stand-in is no longer the manager’s manager"),
                            ("stopped", "An emergency stop is in force"),
                        ],
                        default="",
                        max_length=20,
                        verbose_name="problem",
                    ),
                ),
                (
                    "account_name",
                    models.CharField(
                        help_text="The user principal name, in lower case.",
                        max_length=120,
                        verbose_name="account",
                    ),
                ),
                (
                    "account_id",
                    models.CharField(
                        blank=True, default="", max_length=36, verbose_name="object ID of the account"
                    ),
                ),
                (
                    "found_account_id",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=36,
                        verbose_name="object ID of the account that was found",
                    ),
                ),
                (
                    "display_name",
                    models.CharField(blank=True, default="", max_length=256, verbose_name="display name"),
                ),
                (
                    "job_title",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="job title"),
                ),
                (
                    "department",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="department"),
                ),
                (
                    "employee_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="employee number"),
                ),
                ("hire_date", models.DateTimeField(blank=True, null=True, verbose_name="hire date")),
                (
                    "manager_id",
                    models.CharField(
                        blank=True, default="", max_length=36, verbose_name="object ID of the manager"
                    ),
                ),
                (
                    "manager_name",
                    models.CharField(blank=True, default="", max_length=256, verbose_name="manager"),
                ),
                (
                    "manager_mail",
                    models.CharField(
                        blank=True, default="", max_length=320, verbose_name="manager’s email address"
                    ),
                ),
                (
                    "looked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last read from Entra"),
                ),
                ("seen", models.JSONField(blank=True, default=dict, verbose_name="details that HR checked")),
                (
                    "first_manager_id",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=36,
                        verbose_name="object ID of the original manager",
                    ),
                ),
                (
                    "refused_for",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Codes of the checks (“guards”) that refused a pass when the portal last checked.",
                        verbose_name="checks that refused a pass",
                    ),
                ),
                (
                    "answer_event",
                    models.BigIntegerField(
                        blank=True,
                        help_text="The reference number for questions about the problem.",
                        null=True,
                        verbose_name="audit event of the problem",
                    ),
                ),
                (
                    "hr_notified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="HR notified of the problem"),
                ),
                (
                    "stand_in_for",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=36,
                        verbose_name="object ID of the manager who is away",
                    ),
                ),
                (
                    "stand_in_id",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=36,
                        verbose_name="object ID of the stand-in",
                    ),
                ),
                (
                    "stand_in_name",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=256, verbose_name="stand-in"
                    ),
                ),
                (
                    "stand_in_mail",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=320,
                        verbose_name="stand-in’s email address",
                    ),
                ),
                ("start_date", models.DateField(verbose_name="start date")),
                ("start_time", models.TimeField(verbose_name="start time")),
                ("time_zone", models.CharField(max_length=64, verbose_name="time zone")),
                (
                    "starts_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="Calculated from the start date, start time and time zone.",
                        verbose_name="start in UTC",
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, default="", max_length=500, verbose_name="note for the manager"
                    ),
                ),
                (
                    "calendar_sequence",
                    models.PositiveIntegerField(
                        db_default=0, default=0, editable=False, verbose_name="version of the calendar entry"
                    ),
                ),
                (
                    "calendar_said",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=64,
                        verbose_name="hash of the calendar entry",
                    ),
                ),
                (
                    "sign_in_looked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last sign-in read at"),
                ),
                ("last_sign_in_at", models.DateTimeField(blank=True, null=True, verbose_name="last sign-in")),
                (
                    "last_attempt_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Includes failed sign-ins. Anyone can cause a failed sign-in.",
                        null=True,
                        verbose_name="last attempt to sign in",
                    ),
                ),
                (
                    "sign_in_told",
                    models.BooleanField(
                        default=False,
                        help_text="Shows whether the portal had permission when it last tried to read the last sign-in.",
                        verbose_name="last sign-in can be read",
                    ),
                ),
                (
                    "sign_in_awaited_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="waiting for sign-in check since"
                    ),
                ),
                (
                    "sign_in_missed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="sign-in check last failed"),
                ),
                ("first_pass_at", models.DateTimeField(blank=True, null=True, verbose_name="first pass")),
                (
                    "source",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=32,
                        verbose_name="source",
                    ),
                ),
                (
                    "shaped_by",
                    models.JSONField(
                        default=list, verbose_name="object IDs of the HR staff who were involved"
                    ),
                ),
                (
                    "recorded_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="added"),
                ),
                ("invited_at", models.DateTimeField(blank=True, null=True, verbose_name="manager invited")),
                (
                    "reminded_for",
                    models.DateField(blank=True, null=True, verbose_name="reminder sent for start date"),
                ),
                (
                    "escalated_for",
                    models.DateField(blank=True, null=True, verbose_name="escalation sent for start date"),
                ),
                (
                    "schedule",
                    models.PositiveIntegerField(
                        db_default=0,
                        default=0,
                        help_text="Counts how often the start date was changed or the onboarding started again.",
                        verbose_name="number of schedule changes",
                    ),
                ),
                (
                    "extra_attempts",
                    models.PositiveSmallIntegerField(default=0, verbose_name="extra passes allowed"),
                ),
                ("stopped_at", models.DateTimeField(blank=True, null=True, verbose_name="emergency stop")),
                (
                    "stop_code_hash",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=64,
                        verbose_name="keyed hash of the stop code",
                    ),
                ),
                (
                    "stop_code_made_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="stop code created"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "erased_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="personal details erased"),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
            ],
            options={
                "verbose_name": "starter",
                "verbose_name_plural": "starters",
                "ordering": ["starts_at", "id"],
                "indexes": [
                    models.Index(fields=["state", "starts_at", "id"], name="starter_by_state"),
                    models.Index(fields=["manager_id", "state"], name="starter_by_manager"),
                    models.Index(
                        condition=models.Q(("stand_in_id", ""), _negated=True),
                        fields=["stand_in_id", "state"],
                        name="starter_by_stand_in",
                    ),
                    models.Index(fields=["starts_at", "id"], name="starter_by_start"),
                    models.Index(fields=["start_date", "state"], name="starter_by_day"),
                    models.Index(
                        condition=models.Q(("erased_at", None)),
                        fields=["state", "start_date"],
                        name="starter_kept",
                    ),
                    models.Index(
                        condition=models.Q(("sign_in_awaited_at__isnull", False)),
                        fields=["sign_in_awaited_at"],
                        name="starter_awaited",
                    ),
                    models.Index(
                        condition=models.Q(("stopped_at__isnull", False)),
                        fields=["account_id"],
                        name="starter_by_stop",
                    ),
                    models.Index(fields=["account_id"], name="starter_by_account"),
                    models.Index(fields=["account_name"], name="starter_by_account_name"),
                    models.Index(fields=["display_name"], name="starter_by_name"),
                    models.Index(fields=["employee_id"], name="starter_by_employee"),
                    models.Index(
                        condition=models.Q(("erased_at__isnull", True)),
                        fields=["starts_at", "id", "start_date"],
                        name="starter_listed",
                    ),
                    models.Index(
                        condition=models.Q(("erased_at__isnull", True)),
                        fields=["state", "starts_at", "id", "start_date"],
                        name="starter_listed_by_state",
                    ),
                    models.Index(
                        condition=models.Q(("erased_at__isnull", True)),
                        fields=["department", "starts_at", "id", "start_date"],
                        name="starter_department",
                    ),
                    models.Index(
                        condition=models.Q(("erased_at__isnull", True)),
                        fields=["department", "state", "starts_at", "id", "start_date"],
                        name="starter_department_state",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("erased_at__isnull", True), models.Q(("source", ""), _negated=True)
                        ),
                        fields=["source", "starts_at", "id", "start_date"],
                        name="starter_by_source",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("erased_at__isnull", True), ("state__in", ("recorded", "invited", "issued"))
                        ),
                        fields=["starts_at", "id", "start_date"],
                        name="starter_open",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("erased_at__isnull", True), ("state__in", ("recorded", "invited", "issued"))
                        ),
                        fields=["department", "starts_at", "id", "start_date"],
                        name="starter_department_open",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("erased_at__isnull", True),
                            ("state__in", ("recorded", "invited", "issued")),
                            models.Q(("problem", ""), _negated=True),
                        ),
                        fields=["starts_at", "id", "start_date"],
                        name="starter_with_problem",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("erased_at__isnull", True),
                            ("state__in", ("recorded", "invited", "issued")),
                            ("recorded_by__isnull", True),
                        ),
                        fields=["recorded_by", "starts_at", "id", "start_date"],
                        name="starter_to_accept",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["invited", "issued", "recorded"]),
                            models.Q(("account_id", ""), _negated=True),
                        ),
                        fields=("account_id",),
                        name="one_unfinished_starter_an_account",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["invited", "issued", "recorded"]), ("account_id", "")
                        ),
                        fields=("account_name",),
                        name="one_unfinished_starter_a_name",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("stop_code_hash", ""), _negated=True),
                        fields=("stop_code_hash",),
                        name="one_starter_a_stop_code",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["recorded", "invited", "issued", "registered", "withdrawn", "lapsed"],
                            )
                        ),
                        name="starter_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StarterImport",
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
                (
                    "uploaded_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="imported"),
                ),
                (
                    "touched_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="last changed"),
                ),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("reading", "being read"),
                            ("columns", "waiting for HR to choose the columns"),
                            ("checking", "being checked"),
                            ("checked", "checked"),
                            ("adding", "being added"),
                            ("deleted", "deleted"),
                        ],
                        default="reading",
                        max_length=10,
                        verbose_name="step",
                    ),
                ),
                ("file_name", models.CharField(blank=True, default="", max_length=120, verbose_name="file")),
                ("source", models.JSONField(default=dict, verbose_name="format of the file")),
                ("layout", models.JSONField(default=dict, verbose_name="columns of the file")),
                ("choices", models.JSONField(default=dict, verbose_name="column choices")),
                ("row_count", models.PositiveIntegerField(default=0, verbose_name="rows")),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="failed checks in a row"),
                ),
                (
                    "stopped",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=20,
                        verbose_name="reason why the portal stopped adding starters",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="imported by",
                    ),
                ),
            ],
            options={
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "ordering": ["-uploaded_at", "-id"],
                "indexes": [
                    models.Index(fields=["uploaded_by", "uploaded_at"], name="import_by_person"),
                    models.Index(fields=["touched_at"], name="import_by_change"),
                ],
            },
        ),
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
            options={
                "verbose_name": "step-up sign-in used for a pass",
            },
        ),
        migrations.CreateModel(
            name="StopCodeTries",
            fields=[
                (
                    "address_group",
                    models.PositiveIntegerField(
                        primary_key=True, serialize=False, verbose_name="group of network addresses"
                    ),
                ),
                ("last_at", models.DateTimeField(verbose_name="last attempt")),
                ("count", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
            ],
            options={
                "verbose_name": "attempts to enter a stop code",
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            (
                                "starter",
                                "the policy requires a second person in HR to approve this starter",
                            ),
                            ("manager", "HR accepted a different manager or assigned a stand-in"),
                            ("beyond", "HR allowed one more pass than the limit"),
                            ("restart", "two people in HR end an emergency stop"),
                        ],
                        max_length=8,
                    ),
                ),
                ("occasion", models.CharField(max_length=80)),
                ("reason", models.CharField(max_length=300)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "voided_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The time when the approval became invalid, for example because the onboarding started again. Empty if the approval is valid.",
                        null=True,
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="onboarding.starter",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("voided_at", None)),
                        fields=("starter", "why", "occasion"),
                        name="one_approval_an_occasion",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("why__in", ["starter", "manager", "beyond", "restart"])),
                        name="approval_is_for_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditDetail",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="detail",
                        serialize=False,
                        to="onboarding.auditevent",
                    ),
                ),
                ("salt", models.CharField(max_length=32)),
                ("values", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(
                        onboarding.models.audit.ActorKey("values"), models.F("event"), name="detail_by_actor"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DepartmentPolicy",
            fields=[],
            options={
                "verbose_name": "department policy",
                "verbose_name_plural": "department policies",
                "proxy": True,
            },
            bases=("onboarding.policyversion",),
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
                (
                    "key",
                    models.CharField(
                        max_length=150, unique=True, verbose_name="ID of the log entry or pass attempt"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            (
                                "no_trail",
                                "the portal’s identity created a pass that the portal’s audit log does not have",
                            ),
                            ("by_another", "someone created a pass for a starter outside the portal"),
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
                        help_text="Identifies the delivery. The ID stays the same for each attempt, even if an admin sends the delivery again.",
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
                            ("given_up", "failed permanently"),
                            ("cancelled", "cancelled, because the webhook ended"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                ("next_try_at", models.DateTimeField(blank=True, null=True, verbose_name="next attempt")),
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
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="row number in the file")),
                ("cells", models.JSONField(verbose_name="cells")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "not checked yet"),
                            ("good", "ready to add"),
                            ("question", "needs a decision by HR"),
                            ("error", "error"),
                            ("unchanged", "no change needed"),
                            ("added", "added"),
                            ("moved", "changed"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "question",
                    models.CharField(blank=True, default="", max_length=12, verbose_name="kind of decision"),
                ),
                ("values", models.JSONField(default=dict, verbose_name="values")),
                ("findings", models.JSONField(default=list, verbose_name="findings")),
                ("shown", models.JSONField(default=dict, verbose_name="details shown to HR")),
                (
                    "identity",
                    models.CharField(blank=True, default="", max_length=320, verbose_name="account"),
                ),
                (
                    "starter_id",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="ID of the starter"),
                ),
                ("is_wanted", models.BooleanField(default=False, verbose_name="HR selected this row")),
                (
                    "starter_import",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="onboarding.starterimport",
                        verbose_name="import",
                    ),
                ),
            ],
            options={
                "verbose_name": "row of an import",
                "verbose_name_plural": "rows of an import",
                "ordering": ["number"],
                "indexes": [
                    models.Index(
                        fields=["starter_import", "status", "question", "number"], name="import_row_by_status"
                    ),
                    models.Index(fields=["starter_import", "identity"], name="import_row_by_account"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("starter_import", "number"), name="import_row_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Mail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20, verbose_name="kind")),
                (
                    "recipient",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("manager", "the manager"),
                            ("stand-in", "the stand-in"),
                            ("former manager", "the former manager or stand-in"),
                            ("above", "the manager’s manager"),
                            ("duty", "the on-call address"),
                            ("hr", "HR"),
                            ("security", "the security team"),
                            ("person", "the person themselves"),
                        ],
                        db_default="",
                        default="",
                        max_length=20,
                        verbose_name="recipient",
                    ),
                ),
                (
                    "reader_id",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Empty if the portal does not know the recipient’s object ID.",
                        max_length=36,
                        verbose_name="object ID of the recipient",
                    ),
                ),
                ("to", models.CharField(max_length=320, verbose_name="recipient’s email address")),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The text that a digest email shows for this starter.",
                        max_length=500,
                        verbose_name="reason",
                    ),
                ),
                ("subject", models.CharField(max_length=200, verbose_name="subject")),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("html", models.TextField(blank=True, verbose_name="HTML")),
                ("message_id", models.CharField(max_length=200, unique=True, verbose_name="Message-ID")),
                (
                    "written_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="written at"),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                (
                    "dropped_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Set if the email was no longer relevant when the portal was about to send it.",
                        null=True,
                        verbose_name="not sent, because no longer needed",
                    ),
                ),
                (
                    "refused_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Set if the mail server does not accept emails for this address.",
                        null=True,
                        verbose_name="refused by the mail server",
                    ),
                ),
                (
                    "starts_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The start time that this email mentions, in UTC.",
                        null=True,
                        verbose_name="start time in the email",
                    ),
                ),
                (
                    "calendar",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("REQUEST", "creates or changes a calendar entry"),
                            ("CANCEL", "cancels the calendar entry"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                        verbose_name="calendar file",
                    ),
                ),
                (
                    "calendar_sequence",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="version of the calendar entry"
                    ),
                ),
                (
                    "fault",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("setup", "the mail server refuses the portal's settings"),
                            ("later", "the mail server cannot accept emails now"),
                        ],
                        db_default="",
                        default="",
                        editable=False,
                        max_length=10,
                        verbose_name="kind of failure",
                    ),
                ),
                ("fault_at", models.DateTimeField(blank=True, null=True, verbose_name="last failure")),
                (
                    "answer",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The portal removes email addresses from this text.",
                        max_length=220,
                        verbose_name="mail server’s last response",
                    ),
                ),
                (
                    "box",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=40,
                        verbose_name="group for digest emails",
                    ),
                ),
                (
                    "released_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The time when the email was queued for sending. Sending may begin later.",
                        null=True,
                        verbose_name="queued",
                    ),
                ),
                (
                    "digest",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="parts",
                        to="onboarding.mail",
                        verbose_name="sent in digest",
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mails",
                        to="onboarding.starter",
                        verbose_name="starter",
                    ),
                ),
            ],
            options={
                "verbose_name": "email",
                "verbose_name_plural": "emails",
                "ordering": ["-written_at"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("box", ""), _negated=True),
                        fields=["box", "written_at"],
                        name="mail_by_box",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("dropped_at", None),
                            ("refused_at", None),
                            ("sent_at", None),
                            models.Q(("fault", ""), _negated=True),
                        ),
                        fields=["fault", "written_at"],
                        name="mail_failing",
                    ),
                    models.Index(
                        condition=models.Q(("dropped_at", None), ("refused_at", None), ("sent_at", None)),
                        fields=["written_at"],
                        name="mail_waiting",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PassIssue",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="id",
                    ),
                ),
                ("account_id", models.CharField(max_length=36, verbose_name="object ID of the account")),
                ("number", models.PositiveSmallIntegerField(verbose_name="number")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("issuing", "being created"),
                            ("shown", "shown"),
                            ("held", "handed over"),
                            ("closed", "finished"),
                            ("rejected", "refused by Microsoft"),
                            ("unknown", "result not known yet"),
                            ("void", "no pass was created"),
                            ("revoking", "being cancelled"),
                            ("revoked", "cancelled"),
                        ],
                        default="issuing",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("no_receipt", "the page did not confirm that the pass arrived"),
                            ("not_seen", "the manager or stand-in did not see the pass"),
                            ("lost", "the manager or stand-in cancelled the pass"),
                            ("taken_back", "HR cancelled the pass"),
                            ("withdrawn", "HR or another system withdrew the starter"),
                            ("frozen", "someone stopped all new passes"),
                            ("stopped", "someone used the emergency stop"),
                            ("sessions_ended", "an admin ended the sessions of the manager or stand-in"),
                            (
                                "own_session_ended",
                                "the manager or stand-in ended one of their other sessions",
                            ),
                            ("changed", "someone changed the starter while the pass was being created"),
                            ("no_answer", "Microsoft did not respond"),
                            ("strange_answer", "Microsoft’s response was not usable"),
                            ("not_recorded", "the portal could not save the result"),
                            ("crashed", "the request was interrupted before the portal knew the result"),
                            ("throttled", "Microsoft asked the portal to wait"),
                            ("refused", "Microsoft refused"),
                            ("not_known_yet", "Microsoft did not know the account yet"),
                            (
                                "not_replaced",
                                "the portal could not delete a pass that was created outside the portal",
                            ),
                            ("unreachable", "the portal could not reach Microsoft"),
                            ("registered", "a sign-in method was registered"),
                            ("used", "the pass was used, but no sign-in method was registered"),
                            ("expired", "the pass expired"),
                            ("replaced", "a pass created outside the portal replaced this pass"),
                            (
                                "overtaken",
                                "an earlier attempt created a pass after all, and that pass replaced this one",
                            ),
                            ("gone", "someone deleted the pass outside the portal"),
                        ],
                        default="",
                        max_length=20,
                        verbose_name="reason",
                    ),
                ),
                (
                    "counted",
                    models.BooleanField(
                        default=False, verbose_name="counts towards the starter’s pass limit"
                    ),
                ),
                (
                    "identity_check",
                    models.CharField(
                        choices=[
                            ("in_person", "In person, with an identity document"),
                            ("by_video", "By video call, with an identity document"),
                            ("known", "I already know this person"),
                        ],
                        max_length=12,
                        verbose_name="identity check",
                    ),
                ),
                ("lifetime_minutes", models.PositiveSmallIntegerField(verbose_name="lifetime in minutes")),
                (
                    "intended_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="identity confirmed"
                    ),
                ),
                ("lease_until", models.DateTimeField(verbose_name="deadline to create the pass")),
                (
                    "method_id",
                    models.CharField(
                        blank=True, default="", max_length=128, verbose_name="id of the pass in Entra"
                    ),
                ),
                (
                    "seen_before",
                    models.JSONField(
                        default=list,
                        help_text="IDs of the account’s earlier passes, which no longer worked when the portal created this pass.",
                        verbose_name="earlier passes",
                    ),
                ),
                (
                    "methods_before",
                    models.JSONField(
                        db_default=[],
                        default=list,
                        help_text="IDs of the sign-in methods that the account had before this pass was used.",
                        verbose_name="earlier sign-in methods",
                    ),
                ),
                (
                    "graph_request_id",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="Graph request ID"),
                ),
                (
                    "answered_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The time on Microsoft's clock.",
                        null=True,
                        verbose_name="refused by Microsoft at",
                    ),
                ),
                ("valid_until", models.DateTimeField(blank=True, null=True, verbose_name="valid until")),
                ("shown_at", models.DateTimeField(blank=True, null=True, verbose_name="shown")),
                (
                    "receipt_until",
                    models.DateTimeField(
                        blank=True,
                        null=True,
                        verbose_name="time by which the page must confirm that it showed the pass",
                    ),
                ),
                ("held_at", models.DateTimeField(blank=True, null=True, verbose_name="handed over")),
                ("used_at", models.DateTimeField(blank=True, null=True, verbose_name="used")),
                (
                    "first_empty_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="The time when the portal first found no pass, after an unclear answer from Microsoft.",
                        null=True,
                        verbose_name="first check that found no pass",
                    ),
                ),
                (
                    "revoking_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="cancellation started"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "actor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="identity confirmed by",
                    ),
                ),
                (
                    "override",
                    models.ForeignKey(
                        blank=True,
                        help_text="The version of the department’s own policy that applied to the pass. Empty if no department policy applied.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onboarding.policyversion",
                        verbose_name="policy of the department",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onboarding.policyversion",
                        verbose_name="policy in force",
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="issues",
                        to="onboarding.starter",
                        verbose_name="starter",
                    ),
                ),
            ],
            options={
                "verbose_name": "pass attempt",
                "verbose_name_plural": "pass attempts",
                "ordering": ["-intended_at"],
                "indexes": [models.Index(fields=["state", "reason"], name="issue_by_outcome")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("state__in", ["held", "issuing", "revoking", "shown", "unknown"])
                        ),
                        fields=("account_id",),
                        name="one_open_issue_an_account",
                    ),
                    models.UniqueConstraint(fields=("starter", "number"), name="issues_are_numbered"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "issuing",
                                    "shown",
                                    "held",
                                    "closed",
                                    "rejected",
                                    "unknown",
                                    "void",
                                    "revoking",
                                    "revoked",
                                ],
                            )
                        ),
                        name="issue_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lifetime_minutes__gte", 10), ("lifetime_minutes__lte", 480)),
                        name="issue_lifetime_within_floors",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyActivation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("in_force_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="activation",
                        to="onboarding.policyversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "policy activation",
            },
        ),
        migrations.CreateModel(
            name="ProbePass",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("account_id", models.CharField(max_length=36)),
                ("check_name", models.CharField(max_length=40)),
                ("lifetime_minutes", models.PositiveSmallIntegerField()),
                ("intended_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("lease_until", models.DateTimeField()),
                ("seen_before", models.JSONField(default=list)),
                (
                    "answer",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "no answer recorded yet"),
                            ("created", "created"),
                            ("refused", "refused by Microsoft"),
                            ("unknown", "result not known yet"),
                            ("not_sent", "not sent"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("method_id", models.CharField(blank=True, default="", max_length=128)),
                ("listed_seconds", models.PositiveSmallIntegerField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="onboarding.policyversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "test pass",
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["account_id"], name="probe_pass_open"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("lifetime_minutes__lte", 10)), name="probe_pass_lives_ten_minutes"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StarterWord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("word", models.CharField(max_length=64)),
                (
                    "starter",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="words",
                        to="onboarding.starter",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["word", "starter"],
                        name="starter_by_word",
                        opclasses=["varchar_pattern_ops", "int8_ops"],
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("starter", "word"), name="one_word_a_starter")
                ],
            },
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
                    "start_date",
                    models.DateField(blank=True, null=True, verbose_name="start date in the ticket"),
                ),
                (
                    "start_time",
                    models.TimeField(blank=True, null=True, verbose_name="start time in the ticket"),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True, default="", max_length=64, verbose_name="time zone in the ticket"
                    ),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, default="", max_length=500, verbose_name="note in the ticket"
                    ),
                ),
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
                    models.CharField(
                        blank=True, default="", max_length=256, verbose_name="name of the requester"
                    ),
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
        migrations.CreateModel(
            name="Turn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("opens_at", models.DateTimeField()),
                ("lapses_at", models.DateTimeField(db_index=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "starter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="onboarding.starter"
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("starter", "person"), name="one_turn_a_starter_and_person"
                    )
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
            name="PolicyStop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "activation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="stop",
                        to="onboarding.policyactivation",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "stopped policy version",
            },
        ),
        migrations.RunPython(add_first_rows, migrations.RunPython.noop),
        migrations.RunPython(
            lambda apps, editor: triggers.install_triggers(editor.connection),
            lambda apps, editor: triggers.remove_triggers(editor.connection),
        ),
    ]
