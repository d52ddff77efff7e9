"""Lists that HR imports, and how many rows a day."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import onboarding.models.starter


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0011_directory_log"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ImportColumns",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "signature",
                    models.CharField(max_length=64, unique=True, verbose_name="hash of the column titles"),
                ),
                ("choices", models.JSONField(default=dict, verbose_name="column choices")),
                (
                    "changed_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="last changed"),
                ),
            ],
            options={
                "verbose_name": "saved column choices",
                "verbose_name_plural": "saved column choices",
            },
        ),
        migrations.AddField(
            model_name="policyversion",
            name="import_daily",
            field=models.PositiveIntegerField(
                db_default=2000,
                default=2000,
                help_text="Counts every row of an uploaded or pasted list, because the portal reads each account in Entra. Recommended: four times the number of starters per day.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(50000),
                ],
                verbose_name="rows that one person in HR can import per day",
            ),
        ),
        migrations.CreateModel(
            name="StarterImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=onboarding.models.starter.new_public_id,
                        editable=False,
                        max_length=32,
                        unique=True,
                        verbose_name="ID",
                    ),
                ),
                (
                    "uploaded_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="imported"),
                ),
                (
                    "touched_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="last changed"),
                ),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("reading", "being read"),
                            ("columns", "waiting for HR to choose the columns"),
                            ("checking", "being checked"),
                            ("checked", "checked"),
                            ("adding", "being added"),
                            ("deleted", "deleted"),
                        ],
                        default="reading",
                        max_length=10,
                        verbose_name="step",
                    ),
                ),
                ("file_name", models.CharField(blank=True, default="", max_length=120, verbose_name="file")),
                ("source", models.JSONField(default=dict, verbose_name="format of the file")),
                ("layout", models.JSONField(default=dict, verbose_name="columns of the file")),
                ("choices", models.JSONField(default=dict, verbose_name="column choices")),
                ("row_count", models.PositiveIntegerField(default=0, verbose_name="rows")),
                (
                    "failures",
                    models.PositiveSmallIntegerField(default=0, verbose_name="failed checks in a row"),
                ),
                (
                    "stopped",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=20,
                        verbose_name="reason why the portal stopped adding",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="imported by",
                    ),
                ),
            ],
            options={
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "ordering": ["-uploaded_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ImportRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="row number in the file")),
                ("cells", models.JSONField(verbose_name="cells")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "not checked yet"),
                            ("good", "ready to add"),
                            ("question", "needs a decision by HR"),
                            ("error", "error"),
                            ("unchanged", "no change needed"),
                            ("added", "added"),
                            ("moved", "changed"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "question",
                    models.CharField(blank=True, default="", max_length=12, verbose_name="kind of question"),
                ),
                ("values", models.JSONField(default=dict, verbose_name="values")),
                ("findings", models.JSONField(default=list, verbose_name="findings")),
                ("shown", models.JSONField(default=dict, verbose_name="details shown to HR")),
                (
                    "identity",
                    models.CharField(blank=True, default="", max_length=320, verbose_name="account"),
                ),
                (
                    "starter_id",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="ID of the starter"),
                ),
                ("is_wanted", models.BooleanField(default=False, verbose_name="HR selected this row")),
                (
                    "starter_import",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="onboarding.starterimport",
                        verbose_name="import",
                    ),
                ),
            ],
            options={
                "verbose_name": "row of an import",
                "verbose_name_plural": "rows of an import",
                "ordering": ["number"],
            },
        ),
        migrations.AddIndex(
            model_name="starterimport",
            index=models.Index(fields=["uploaded_by", "uploaded_at"], name="import_by_person"),
        ),
        migrations.AddIndex(
            model_name="starterimport",
            index=models.Index(fields=["touched_at"], name="import_by_change"),
        ),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(
                fields=["starter_import", "status", "question", "number"], name="import_row_by_status"
            ),
        ),
        migrations.AddIndex(
            model_name="importrow",
            index=models.Index(fields=["starter_import", "identity"], name="import_row_by_account"),
        ),
        migrations.AddConstraint(
            model_name="importrow",
            constraint=models.UniqueConstraint(fields=("starter_import", "number"), name="import_row_once"),
        ),
    ]
