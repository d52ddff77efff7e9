"""Emergency stops: whether one is in force, the hash of the starter's stop code, and how often wrong codes were entered."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0013_daily_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StopCodeTries",
            fields=[
                (
                    "address_group",
                    models.PositiveIntegerField(
                        primary_key=True, serialize=False, verbose_name="group of addresses"
                    ),
                ),
                ("last_at", models.DateTimeField(verbose_name="last attempt")),
                ("count", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
            ],
            options={
                "verbose_name": "attempts to enter a stop code",
            },
        ),
        migrations.RemoveConstraint(
            model_name="approval",
            name="approval_is_for_something",
        ),
        migrations.AddField(
            model_name="starter",
            name="stop_code_hash",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                max_length=64,
                verbose_name="keyed hash of the stop code",
            ),
        ),
        migrations.AddField(
            model_name="starter",
            name="stop_code_made_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="stop code created"),
        ),
        migrations.AddField(
            model_name="starter",
            name="stopped_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="emergency stop"),
        ),
        migrations.AlterField(
            model_name="approval",
            name="why",
            field=models.CharField(
                choices=[
                    ("starter", "starters in this department need approval from a second person in HR"),
                    ("manager", "HR accepted a different manager or assigned a stand-in"),
                    ("beyond", "HR allowed one more pass than the limit"),
                    ("restart", "two people in HR end an emergency stop"),
                ],
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="passissue",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("no_receipt", "the manager’s page did not confirm that the pass arrived"),
                    ("not_seen", "the manager did not see the pass"),
                    ("lost", "the manager cancelled the pass"),
                    ("taken_back", "HR cancelled the pass"),
                    ("withdrawn", "HR or another system withdrew the starter"),
                    ("frozen", "an admin stopped all passes"),
                    ("stopped", "someone used the emergency stop"),
                    ("sessions_ended", "an admin ended the manager’s sessions"),
                    ("changed", "someone changed the starter while the pass was being created"),
                    ("no_answer", "Microsoft did not respond"),
                    ("strange_answer", "Microsoft’s response was not usable"),
                    ("not_recorded", "the portal could not save the result"),
                    ("crashed", "the portal stopped before it had a result"),
                    ("throttled", "Microsoft asked the portal to wait"),
                    ("refused", "Microsoft refused"),
                    ("not_known_yet", "Microsoft did not know the account yet"),
                    (
                        "not_replaced",
                        "the portal could not delete a pass that was created outside the portal",
                    ),
                    ("unreachable", "the portal could not reach Microsoft"),
                    ("registered", "the starter registered a sign-in method"),
                    ("used", "the pass was used, but no sign-in method was registered"),
                    ("expired", "the pass expired"),
                    ("replaced", "a pass created outside the portal replaced this pass"),
                    ("overtaken", "an earlier attempt created a pass after all, which replaced this one"),
                    ("gone", "someone deleted the pass outside the portal"),
                ],
                default="",
                max_length=20,
                verbose_name="reason",
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
                    ("account_found", "An account was found. Check whether it is the right one"),
                    ("account_gone", "The account is no longer in Entra"),
                    ("no_manager", "No manager is set in Entra"),
                    ("no_mailbox", "The manager has no mailbox"),
                    ("manager_recorded", "The manager added or changed this starter"),
                    ("account_changed", "The account has changed since HR checked it"),
                    ("manager_changed", "The manager in Entra has changed since HR checked the account"),
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
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("stopped_at__isnull", False)),
                fields=["account_id"],
                name="starter_by_stop",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("why__in", ["starter", "manager", "beyond", "restart"])),
                name="approval_is_for_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="starter",
            constraint=models.UniqueConstraint(
                condition=models.Q(("stop_code_hash", ""), _negated=True),
                fields=("stop_code_hash",),
                name="one_starter_a_stop_code",
            ),
        ),
    ]
