"""An authentication code for each event, and the probe pass that explains an entry of Entra's audit log."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from onboarding.audit import codes, triggers

PAGE = 1000


def sign_events(apps, editor):
    """Sign the events that exist. Where retention has erased the details, nobody can tell who acted.

    The triggers are complete again when this migration ends: a later one may fail.
    """
    triggers.remove_head_update(editor.connection)  # the head moves only with an event
    _sign_all(apps)
    editor.connection.check_constraints()  # PostgreSQL creates no trigger while keys wait to be checked
    triggers.install_triggers(editor.connection)


def _sign_all(apps):
    events = apps.get_model("onboarding", "AuditEvent").objects.select_related("detail").order_by("seq")
    rows = list(events[:PAGE])
    if not rows:
        return
    name, key, sealed = codes.generate_key()
    apps.get_model("onboarding", "AuditKey").objects.create(name=name, sealed=sealed)
    users = apps.get_model(settings.AUTH_USER_MODEL).objects.values_list("tid", "oid", "pk")
    numbers = {f"{tid}/{oid}": pk for tid, oid, pk in users}
    code_model = apps.get_model("onboarding", "AuditCode")
    while rows:
        made = []
        for row in rows:
            values = row.detail.values if hasattr(row, "detail") else {}
            people, code = codes.sign(key, row.hash, codes.list_people(values, numbers.get(values.get("by"))))
            made.append(code_model(event_id=row.seq, key=name, people=people, code=code))
        code_model.objects.bulk_create(made)
        rows = list(events.filter(seq__gt=rows[-1].seq)[:PAGE])
    apps.get_model("onboarding", "AuditHead").objects.update(key=name)


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0001_tables"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditKey",
            fields=[
                ("name", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("sealed", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="AuditCode",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="code",
                        serialize=False,
                        to="onboarding.auditevent",
                    ),
                ),
                ("key", models.CharField(max_length=16)),
                ("people", models.JSONField(default=dict)),
                ("code", models.CharField(max_length=64)),
            ],
        ),
        migrations.AddField(
            "loggedpass",
            "probe",
            models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="logged",
                to="onboarding.probepass",
            ),
        ),
        migrations.AddField("audithead", "key", models.CharField(default="", max_length=16)),
        migrations.RunPython(sign_events, migrations.RunPython.noop),
    ]
