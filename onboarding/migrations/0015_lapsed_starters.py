"""The state of a starter whose time was over without a result."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0014_emergency_stops"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="starter",
            name="starter_state_is_known",
        ),
        migrations.AlterField(
            model_name="starter",
            name="state",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="starter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["recorded", "invited", "issued", "registered", "withdrawn", "lapsed"])
                ),
                name="starter_state_is_known",
            ),
        ),
    ]
