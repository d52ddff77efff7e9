"""What finds the events of one person, of one kind, and of a starter whose own row is erased."""

from django.db import migrations, models

from onboarding.models.audit import ActorKey


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0006_audit_triggers")]

    operations = [
        migrations.CreateModel(
            name="AuditWord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starter", models.CharField(max_length=32)),
                ("word", models.CharField(max_length=64)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["word", "starter"],
                        name="audit_starter_by_word",
                        opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("starter", "word"), name="audit_word_once")],
            },
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["event", "seq"], name="audit_event_by_kind"),
        ),
        migrations.AddIndex(
            model_name="auditdetail",
            index=models.Index(ActorKey("values"), models.F("event"), name="detail_by_actor"),
        ),
    ]
