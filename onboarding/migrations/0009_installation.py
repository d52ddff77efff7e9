"""The database knows whose it is: the tenant and the address of the settings with which it is made, or comes here."""

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def say_whose_it_is(apps, schema_editor):
    apps.get_model("onboarding", "Installation").objects.get_or_create(
        id=1,
        defaults={
            "tenant_id": settings.TENANT_ID,
            "address": "this machine" if settings.LOOPBACK else settings.PORTAL_URL,
        },
    )


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0008_clock_skew")]
    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant_id", models.CharField(max_length=36)),
                ("address", models.CharField(max_length=300)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]
            },
        ),
        migrations.RunPython(say_whose_it_is, migrations.RunPython.noop),
    ]
