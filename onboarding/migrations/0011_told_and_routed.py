"""Who was told what, in one mail for many starters; others who are told when nobody confirms; and a stand-in."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from onboarding import audit_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0010_found_by_words"),
    ]

    operations = [
        migrations.AddField(
            model_name="mail",
            name="box",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="mail",
            name="digest",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="parts",
                to="onboarding.mail",
            ),
        ),
        migrations.AddField(
            model_name="mail",
            name="reader_id",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="The object id of who reads it, if known.",
                max_length=36,
            ),
        ),
        migrations.AddField(
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
            ),
        ),
        migrations.AddField(
            model_name="mail",
            name="refused_at",
            field=models.DateTimeField(blank=True, help_text="The address takes no mail.", null=True),
        ),
        migrations.AddField(
            model_name="mail",
            name="released_at",
            field=models.DateTimeField(blank=True, help_text="On its way since then.", null=True),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="duty_address",
            field=models.EmailField(
                blank=True,
                db_default="",
                default="",
                help_text="Who can find another to confirm on a first day, like a service desk. Empty: the address of HR.",
                max_length=254,
                verbose_name="duty address",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="escalate_hour",
            field=models.PositiveSmallIntegerField(
                db_default=11,
                default=11,
                help_text="1 to 23, by the clock where the starter works, and never sooner than an hour after the start. 11 leaves a manager the morning.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(23),
                ],
                verbose_name="tell them at (hour of the first day)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="escalate_to",
            field=models.CharField(
                choices=[
                    ("nobody", "nobody"),
                    ("above", "the manager’s manager"),
                    ("duty", "the duty address"),
                ],
                db_default="above",
                default="above",
                help_text="One mail on the first day. The manager’s manager is read from the directory at that moment; where it names none who gets mail, the duty address is told, or else HR. Sensible: a manager who is ill does not press.",
                max_length=8,
                verbose_name="tell, when nobody has confirmed",
            ),
        ),
        migrations.AddField(
            model_name="starter",
            name="escalated_for",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="starter",
            name="schedule",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="Counts how often the first day was moved, or everything began anew.",
            ),
        ),
        migrations.AddField(
            model_name="starter",
            name="stand_in_for",
            field=models.CharField(blank=True, db_default="", default="", max_length=36),
        ),
        migrations.AddField(
            model_name="starter",
            name="stand_in_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=36),
        ),
        migrations.AddField(
            model_name="starter",
            name="stand_in_mail",
            field=models.CharField(blank=True, db_default="", default="", max_length=320),
        ),
        migrations.AddField(
            model_name="starter",
            name="stand_in_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=256),
        ),
        migrations.AlterField(
            model_name="approval",
            name="why",
            field=models.CharField(
                choices=[
                    ("starter", "every starter of this department needs a second person of HR"),
                    (
                        "manager",
                        "HR accepted another manager than the first, or let somebody stand in for them",
                    ),
                    ("beyond", "one more pass than the limit was allowed"),
                ],
                max_length=8,
            ),
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
            ),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(
                condition=models.Q(("box", ""), _negated=True),
                fields=["box", "written_at"],
                name="mail_by_box",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("stand_in_id", ""), _negated=True),
                fields=["stand_in_id", "state"],
                name="starter_by_stand_in",
            ),
        ),
        # SQLite makes a table anew for a column with a default, and its triggers are gone with the old one.
        migrations.RunPython(
            lambda apps, editor: audit_triggers.install(editor.connection),
            migrations.RunPython.noop,
        ),
    ]
