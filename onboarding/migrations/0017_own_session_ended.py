"""A pass that is not shown, because its manager ended another session of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0016_list_indexes"),
    ]

    operations = [
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
                    ("withdrawn", "the starter was withdrawn"),
                    ("frozen", "an admin stopped all passes"),
                    ("stopped", "someone used the emergency stop"),
                    ("sessions_ended", "an admin ended the manager’s sessions"),
                    ("own_session_ended", "the manager ended another session of their own"),
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
                    ("expired", "it expired"),
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
