"""Names of tables and columns, for those who read the administration in another language. Changes no table."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import onboarding.models.starter


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0011_told_and_routed"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
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
        migrations.AlterField(
            model_name="auditevent",
            name="at",
            field=models.CharField(
                help_text="UTC, as it went into the hash.", max_length=32, verbose_name="moment"
            ),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="commitments",
            field=models.JSONField(default=dict, verbose_name="commitments"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="event",
            field=models.CharField(db_index=True, max_length=40, verbose_name="event"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="facts",
            field=models.JSONField(default=dict, verbose_name="facts"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="hash",
            field=models.CharField(max_length=64, unique=True, verbose_name="hash"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="issue",
            field=models.CharField(blank=True, db_index=True, max_length=36, verbose_name="pass"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="previous",
            field=models.CharField(max_length=64, verbose_name="hash of the event before"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="seq",
            field=models.BigIntegerField(primary_key=True, serialize=False, verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="auditevent",
            name="starter",
            field=models.CharField(blank=True, db_index=True, max_length=32, verbose_name="starter"),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="beat_at",
            field=models.DateTimeField(verbose_name="last sign of life"),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="clock_skew",
            field=models.IntegerField(
                blank=True,
                help_text="Seconds by which Microsoft's clock was ahead of this worker's, when it last answered.",
                null=True,
                verbose_name="clock skew in seconds",
            ),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="worker",
            field=models.CharField(max_length=100, unique=True, verbose_name="worker"),
        ),
        migrations.AlterField(
            model_name="job",
            name="attempts",
            field=models.PositiveIntegerField(
                default=0, help_text="Failures in a row.", verbose_name="attempts"
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="claim",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Counts claims; only the last one may finish the job.",
                verbose_name="claim",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="done_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="done"),
        ),
        migrations.AlterField(
            model_name="job",
            name="due_at",
            field=models.DateTimeField(verbose_name="due"),
        ),
        migrations.AlterField(
            model_name="job",
            name="failed_at",
            field=models.DateTimeField(
                blank=True,
                help_text="Given up; an admin can start it again.",
                null=True,
                verbose_name="given up",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="key",
            field=models.CharField(
                help_text="kind:what, so that asking twice asks once",
                max_length=100,
                unique=True,
                verbose_name="job",
            ),
        ),
        migrations.AlterField(
            model_name="job",
            name="last_error",
            field=models.CharField(blank=True, default="", max_length=300, verbose_name="last error"),
        ),
        migrations.AlterField(
            model_name="job",
            name="locked_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="locked until"),
        ),
        migrations.AlterField(
            model_name="job",
            name="priority",
            field=models.PositiveSmallIntegerField(
                choices=[(0, "passes"), (1, "mail"), (2, "looking at the directory")], verbose_name="priority"
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="box",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=40, verbose_name="mailbox"
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="digest",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="parts",
                to="onboarding.mail",
                verbose_name="sent together in",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="dropped_at",
            field=models.DateTimeField(
                blank=True, help_text="No longer true when its turn came.", null=True, verbose_name="dropped"
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="html",
            field=models.TextField(blank=True, verbose_name="HTML"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(max_length=20, verbose_name="kind"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="message_id",
            field=models.CharField(max_length=200, unique=True, verbose_name="Message-ID"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="reader_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The object id of who reads it, if known.",
                max_length=36,
                verbose_name="object id of the reader",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="recipient",
            field=models.CharField(
                blank=True,
                choices=[
                    ("manager", "the manager"),
                    ("stand-in", "who stands in for the manager"),
                    ("former manager", "who is not asked any more"),
                    ("above", "the manager’s manager"),
                    ("duty", "the duty address"),
                    ("hr", "HR"),
                    ("security", "security"),
                ],
                db_default="",
                default="",
                max_length=20,
                verbose_name="reader",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="refused_at",
            field=models.DateTimeField(
                blank=True, help_text="The address takes no mail.", null=True, verbose_name="refused"
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="released_at",
            field=models.DateTimeField(
                blank=True, help_text="On its way since then.", null=True, verbose_name="released"
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="sent_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="sent"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="starter",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="mails",
                to="onboarding.starter",
                verbose_name="starter",
            ),
        ),
        migrations.AlterField(
            model_name="mail",
            name="subject",
            field=models.CharField(max_length=200, verbose_name="subject"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="text",
            field=models.TextField(blank=True, verbose_name="text"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="to",
            field=models.CharField(max_length=320, verbose_name="to"),
        ),
        migrations.AlterField(
            model_name="mail",
            name="written_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="written"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="account_id",
            field=models.CharField(max_length=36, verbose_name="object id of the account"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="actor",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="confirmed by",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="counted",
            field=models.BooleanField(default=False, verbose_name="counts as an attempt"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="ended_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="first_empty_at",
            field=models.DateTimeField(
                blank=True,
                help_text="An unknown issue's first empty look.",
                null=True,
                verbose_name="first not found",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="graph_request_id",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="request id of Graph"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="held_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="handed over"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="id",
            field=models.UUIDField(
                default=uuid.uuid4, editable=False, primary_key=True, serialize=False, verbose_name="id"
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="identity_check",
            field=models.CharField(
                choices=[
                    ("in_person", "In person, with an identity document"),
                    ("by_video", "By video call, with an identity document"),
                    ("known", "I know this person from before"),
                ],
                max_length=12,
                verbose_name="identity check",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="intended_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="confirmed"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="lease_until",
            field=models.DateTimeField(verbose_name="lease until"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="lifetime_minutes",
            field=models.PositiveSmallIntegerField(verbose_name="lifetime in minutes"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="method_id",
            field=models.CharField(
                blank=True, default="", max_length=128, verbose_name="id of the pass in Entra"
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="number",
            field=models.PositiveSmallIntegerField(verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="override",
            field=models.ForeignKey(
                blank=True,
                help_text="What the starter's department had otherwise.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="onboarding.policyversion",
                verbose_name="policy of the department",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="onboarding.policyversion",
                verbose_name="policy in force",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("no_receipt", "the page never said that it arrived on a screen"),
                    ("not_seen", "the manager did not see it"),
                    ("lost", "it was lost"),
                    ("taken_back", "HR took it back"),
                    ("withdrawn", "the starter was withdrawn"),
                    ("frozen", "issuing was frozen"),
                    ("changed", "the starter was changed meanwhile"),
                    ("no_answer", "the answer was lost"),
                    ("strange_answer", "the answer could not be used"),
                    ("not_recorded", "it could not be recorded"),
                    ("crashed", "the portal stopped in the middle"),
                    ("throttled", "Microsoft asked us to wait"),
                    ("refused", "Microsoft refused"),
                    ("not_replaced", "the pass of another tool could not be removed"),
                    ("unreachable", "Microsoft could not be reached"),
                    ("registered", "the starter set up their own way of signing in"),
                    ("used", "it was used, but no way of signing in was set up"),
                    ("expired", "it expired"),
                    ("replaced", "another tool replaced it"),
                    ("gone", "somebody else removed it"),
                ],
                default="",
                max_length=20,
                verbose_name="reason",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="receipt_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="receipt awaited until"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="revoking_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="being taken back since"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="seen_before",
            field=models.JSONField(
                default=list,
                help_text="Ids of dead passes on the account before ours.",
                verbose_name="passes seen before",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="shown_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="shown"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="starter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="issues",
                to="onboarding.starter",
                verbose_name="starter",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="state",
            field=models.CharField(
                choices=[
                    ("issuing", "being made"),
                    ("shown", "shown"),
                    ("held", "handed over"),
                    ("closed", "finished"),
                    ("rejected", "refused by Microsoft"),
                    ("unknown", "outcome not known yet"),
                    ("void", "none was made"),
                    ("revoking", "being taken back"),
                    ("revoked", "taken back"),
                ],
                default="issuing",
                max_length=10,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="used_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="used"),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="valid_until",
            field=models.DateTimeField(blank=True, null=True, verbose_name="valid until"),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="created_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, editable=False, verbose_name="made"
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="made by",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="needs_second",
            field=models.BooleanField(default=False, editable=False, verbose_name="needs a second admin"),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="number",
            field=models.BigAutoField(primary_key=True, serialize=False, verbose_name="number"),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="overrides",
            field=models.JSONField(
                default=list,
                editable=False,
                help_text="What a department has otherwise; the rest is as the site.",
                verbose_name="what the department has otherwise",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="single_use",
            field=models.BooleanField(default=True, editable=False, verbose_name="single use"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="account_id",
            field=models.CharField(
                blank=True, default="", max_length=36, verbose_name="object id of the account"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="department",
            field=models.CharField(blank=True, default="", max_length=128, verbose_name="department"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="display_name",
            field=models.CharField(blank=True, default="", max_length=256, verbose_name="display name"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="employee_id",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="employee number"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="ended_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="erased"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="escalated_for",
            field=models.DateField(blank=True, null=True, verbose_name="others told for"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="extra_attempts",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="further passes allowed"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="first_manager_id",
            field=models.CharField(
                blank=True, default="", max_length=36, verbose_name="object id of the first manager"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="first_pass_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="first pass"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="found_account_id",
            field=models.CharField(
                blank=True, default="", max_length=36, verbose_name="object id of the account that was found"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="hire_date",
            field=models.DateTimeField(blank=True, null=True, verbose_name="hire date"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="invited_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="manager invited"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="job_title",
            field=models.CharField(blank=True, default="", max_length=128, verbose_name="job title"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="last_sign_in_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last sign-in"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="looked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last looked at"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="manager_id",
            field=models.CharField(
                blank=True, default="", max_length=36, verbose_name="object id of the manager"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="manager_mail",
            field=models.CharField(blank=True, default="", max_length=320, verbose_name="manager’s address"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="manager_name",
            field=models.CharField(blank=True, default="", max_length=256, verbose_name="manager"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="problem",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("account_missing", "The account does not exist yet"),
                    ("account_found", "An account was found: look whether it is the right one"),
                    ("account_gone", "The account is no longer in the directory"),
                    ("no_manager", "The directory names no manager"),
                    ("no_mailbox", "The manager has no mailbox"),
                    ("manager_recorded", "The manager is the person who recorded the starter"),
                    ("account_changed", "The account is no longer what HR saw"),
                    ("manager_changed", "The directory names another manager than HR saw"),
                    ("refused", "The portal refused to make a pass"),
                    ("mail_failed", "The mail to the manager could not be sent"),
                    ("mail_refused", "The manager’s address takes no mail"),
                    ("no_stand_in", "Whoever stands in is not the manager’s manager any more"),
                ],
                default="",
                max_length=20,
                verbose_name="problem",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="public_id",
            field=models.CharField(
                default=onboarding.models.starter.new_public_id,
                editable=False,
                max_length=32,
                unique=True,
                verbose_name="public id",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="recorded_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="recorded"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="recorded_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="recorded by",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="refused_for",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Codes of the guards that refused when they were last asked.",
                verbose_name="refused for",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="reminded_for",
            field=models.DateField(blank=True, null=True, verbose_name="reminded of"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="schedule",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Counts how often the first day was moved, or everything began anew.",
                verbose_name="schedule",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="seen",
            field=models.JSONField(blank=True, default=dict, verbose_name="what HR saw"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="shaped_by",
            field=models.JSONField(default=list, verbose_name="object ids of all in HR who had a part"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="sign_in_looked_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="last sign-in looked up"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="sign_in_told",
            field=models.BooleanField(
                default=False,
                help_text="The tenant lets the portal read it.",
                verbose_name="last sign-in can be read",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="stand_in_for",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=36,
                verbose_name="object id of the manager who is away",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="stand_in_id",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=36, verbose_name="object id of the stand-in"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="stand_in_mail",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=320, verbose_name="stand-in’s address"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="stand_in_name",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=256, verbose_name="stand-in"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="start_date",
            field=models.DateField(verbose_name="first day"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="start_time",
            field=models.TimeField(verbose_name="start time"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="starts_at",
            field=models.DateTimeField(
                editable=False, help_text="The start in UTC, derived.", verbose_name="start in UTC"
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="state",
            field=models.CharField(
                choices=[
                    ("recorded", "Recorded"),
                    ("invited", "Manager invited"),
                    ("issued", "Pass handed over"),
                    ("registered", "Can sign in"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="recorded",
                max_length=12,
                verbose_name="state",
            ),
        ),
        migrations.AlterField(
            model_name="starter",
            name="time_zone",
            field=models.CharField(max_length=64, verbose_name="time zone"),
        ),
        migrations.AlterField(
            model_name="starter",
            name="version",
            field=models.PositiveIntegerField(default=1, verbose_name="version"),
        ),
    ]
