"""Audit events and policy versions are only ever added: the database itself holds that."""

from django.db import migrations

from onboarding import audit_triggers


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0002_first_rows")]
    operations = [
        migrations.RunPython(
            lambda apps, editor: audit_triggers.install(editor.connection),
            lambda apps, editor: audit_triggers.remove(editor.connection),
        )
    ]
