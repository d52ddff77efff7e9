"""A step-up may be made for one purpose, with the authentication context that it needs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0001_initial")]

    operations = [
        migrations.AddField("signin", "made_for", models.CharField(blank=True, default="", max_length=64)),
        migrations.AddField("signin", "context", models.CharField(blank=True, default="", max_length=3)),
        migrations.AddConstraint(
            "signin",
            models.CheckConstraint(
                condition=models.Q(context="") | (models.Q(purpose="step up") & ~models.Q(made_for="")),
                name="context_is_for_something",
            ),
        ),
    ]
