"""The counts for monitoring, and the indexes that let it read a few rows instead of whole tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0022_saved_filters")]

    operations = [
        migrations.CreateModel(
            name="MetricCount",
            fields=[
                ("series", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("value", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                condition=models.Q(("failed_at__isnull", False)), fields=["failed_at"], name="job_failed"
            ),
        ),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(
                condition=models.Q(("dropped_at", None), ("refused_at", None), ("sent_at", None)),
                fields=["written_at"],
                name="mail_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="passissue",
            index=models.Index(fields=["state", "reason"], name="issue_by_outcome"),
        ),
    ]
