"""Triggers on every table of the audit log and the policy, also those that an earlier migration had dropped."""

from django.db import migrations

from onboarding.audit import triggers


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0005_starter_source")]

    operations = [
        migrations.RunPython(
            lambda apps, editor: triggers.install_triggers(editor.connection),
            migrations.RunPython.noop,
        ),
    ]
