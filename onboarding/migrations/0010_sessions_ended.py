"""A pass that was deleted because its manager's sessions ended, and the mail about it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0009_audit_outlets"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="recipient",
            field=models.CharField(
                blank=True,
                choices=[
                    ("manager", "the manager"),
                    ("stand-in", "the stand-in"),
                    ("former manager", "the former manager or stand-in"),
                    ("above", "the manager’s manager"),
                    ("duty", "the duty address"),
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
    ]
