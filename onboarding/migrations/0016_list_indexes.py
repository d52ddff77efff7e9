"""Indexes for HR's list: each filter in the order of the list."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0015_lapsed_starters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="starter",
            name="starter_not_erased",
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True)),
                fields=["starts_at", "id", "start_date"],
                name="starter_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True)),
                fields=["state", "starts_at", "id", "start_date"],
                name="starter_listed_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True)),
                fields=["department", "starts_at", "id", "start_date"],
                name="starter_department",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True)),
                fields=["department", "state", "starts_at", "id", "start_date"],
                name="starter_department_state",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(("erased_at__isnull", True), models.Q(("source", ""), _negated=True)),
                fields=["source", "starts_at", "id", "start_date"],
                name="starter_by_source",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(
                    ("erased_at__isnull", True), ("state__in", ("recorded", "invited", "issued"))
                ),
                fields=["starts_at", "id", "start_date"],
                name="starter_open",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(
                    ("erased_at__isnull", True), ("state__in", ("recorded", "invited", "issued"))
                ),
                fields=["department", "starts_at", "id", "start_date"],
                name="starter_department_open",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    ("state__in", ("recorded", "invited", "issued")),
                    models.Q(("problem", ""), _negated=True),
                ),
                fields=["starts_at", "id", "start_date"],
                name="starter_with_problem",
            ),
        ),
        migrations.AddIndex(
            model_name="starter",
            index=models.Index(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    ("state__in", ("recorded", "invited", "issued")),
                    ("recorded_by__isnull", True),
                ),
                fields=["recorded_by", "starts_at", "id", "start_date"],
                name="starter_to_accept",
            ),
        ),
    ]
