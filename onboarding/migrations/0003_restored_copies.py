"""Where the database is, so that a copy knows that it is one, and passes that a restored database does not know."""

from datetime import UTC, datetime, timedelta

from django.db import migrations, models

QUIET = timedelta(days=1)


def suspend_quiet_database(apps, _editor):
    """The release before stored no place. One at work goes on; one where nothing happened for a day may be a backup.

    This is asked here, because every later event, such as a sign-in to look around, would make a backup look at work.
    """
    head = apps.get_model("onboarding", "AuditHead").objects.filter(seq__gt=0).first()
    if head is None:
        return
    since = datetime.now(UTC) - QUIET
    if apps.get_model("onboarding", "Heartbeat").objects.filter(beat_at__gte=since).exists():
        return
    last = apps.get_model("onboarding", "AuditEvent").objects.filter(seq=head.seq).first()
    if last is None or datetime.fromisoformat(last.at) < since:
        apps.get_model("onboarding", "Installation").objects.update(suspended="quiet")


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0002_codes_and_probes")]

    operations = [
        migrations.AddField("installation", "adopted_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "installation", "database_address", models.CharField(db_default="", default="", max_length=600)
        ),
        migrations.AddField(
            "installation", "database_id", models.CharField(db_default="", default="", max_length=100)
        ),
        migrations.AddField(
            "installation",
            "suspended",
            models.CharField(
                choices=[
                    ("", ""),
                    ("behind", "an event that was kept outside the database is missing"),
                    ("operator", "an operator said so"),
                    ("quiet", "nothing happened for a day before the upgrade"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            "installation",
            models.CheckConstraint(
                condition=models.Q(("suspended__in", ["", "behind", "operator", "quiet"])),
                name="suspended_is_known",
            ),
        ),
        migrations.AlterField(
            "directoryfinding",
            "kind",
            models.CharField(
                choices=[
                    (
                        "no_trail",
                        "the portal’s identity created a pass that the portal’s audit log does not have",
                    ),
                    ("by_another", "someone created a pass for a starter outside the portal"),
                    ("restored", "Entra has a pass that the restored database does not know"),
                    ("not_logged", "a pass that the portal created is missing from Entra’s audit log"),
                ],
                max_length=12,
                verbose_name="difference",
            ),
        ),
        migrations.RemoveConstraint("directoryfinding", "finding_kind_is_known"),
        migrations.AddConstraint(
            "directoryfinding",
            models.CheckConstraint(
                condition=models.Q(("kind__in", ["no_trail", "by_another", "restored", "not_logged"])),
                name="finding_kind_is_known",
            ),
        ),
        migrations.RunPython(suspend_quiet_database, migrations.RunPython.noop),
    ]
