"""Where the database is, so that a copy knows that it is one, and passes that a restored database does not know."""

from django.db import migrations, models


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
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            "installation",
            models.CheckConstraint(
                condition=models.Q(("suspended__in", ["", "behind", "operator"])), name="suspended_is_known"
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
    ]
