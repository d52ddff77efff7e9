"""What a ticket said, to notice what a later request changes; and how often callers used the API."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0003_hooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="note",
            field=models.CharField(blank=True, default="", max_length=500, verbose_name="note in the ticket"),
        ),
        migrations.AddField(
            model_name="ticket",
            name="start_date",
            field=models.DateField(blank=True, null=True, verbose_name="start date in the ticket"),
        ),
        migrations.AddField(
            model_name="ticket",
            name="start_time",
            field=models.TimeField(blank=True, null=True, verbose_name="start time in the ticket"),
        ),
        migrations.AddField(
            model_name="ticket",
            name="time_zone",
            field=models.CharField(
                blank=True, default="", max_length=64, verbose_name="time zone in the ticket"
            ),
        ),
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
                        max_length=36, verbose_name="calling application or person (client ID or object ID)"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("count", models.PositiveIntegerField(default=0, verbose_name="requests")),
            ],
            options={
                "verbose_name": "use of the API",
                "constraints": [
                    models.UniqueConstraint(fields=("caller", "day"), name="api_usage_once_a_day")
                ],
            },
        ),
    ]
