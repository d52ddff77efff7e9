"""A worker's heartbeat says how its machine's clock compares with Microsoft's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0007_known_from_before")]
    operations = [
        migrations.AddField(
            model_name="heartbeat",
            name="clock_skew",
            field=models.IntegerField(
                blank=True,
                null=True,
                help_text="Seconds by which Microsoft's clock was ahead of this worker's, when it last answered.",
            ),
        ),
    ]
