"""Looking after passes that were handed over is the least urgent work, also of those that are out."""

from django.db import migrations, models

HELD, WATCH = "held", 3


def passes_that_are_out(apps, schema_editor):
    """Who was handed a pass under the release before is looked after as everybody is from now on."""
    issues = apps.get_model("onboarding", "PassIssue").objects.filter(state=HELD)
    keys = [f"issue:{key}" for key in issues.values_list("pk", flat=True)]
    apps.get_model("onboarding", "Job").objects.filter(key__in=keys, done_at=None).update(priority=WATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0013_calls_on_their_way"),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="priority",
            field=models.PositiveSmallIntegerField(
                choices=[
                    (0, "passes"),
                    (1, "mail"),
                    (2, "looking at the directory"),
                    (3, "passes that were handed over"),
                ],
                verbose_name="priority",
            ),
        ),
        migrations.RunPython(passes_that_are_out, migrations.RunPython.noop),
    ]
