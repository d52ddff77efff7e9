"""An index that finds the events of one person."""

from django.db import migrations, models

from onboarding.models.audit import ActorKey


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0006_audit_triggers")]

    operations = [
        migrations.AddIndex(
            model_name="auditdetail",
            index=models.Index(ActorKey("values"), models.F("event"), name="detail_by_actor"),
        ),
    ]
