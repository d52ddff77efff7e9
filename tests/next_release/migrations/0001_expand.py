"""A safe migration of tables that the previous release still uses: add nullable columns, and fill them."""

from pathlib import Path

from django.db import migrations

from onboarding import migrations as ours

NEWEST = max(Path(ours.__path__[0]).glob("[0-9]*.py")).stem


class Migration(migrations.Migration):
    dependencies = [("onboarding", NEWEST)]
    operations = [
        migrations.RunSQL("ALTER TABLE onboarding_starter ADD COLUMN cost_centre varchar(20) NULL"),
        migrations.RunSQL("ALTER TABLE onboarding_passissue ADD COLUMN place varchar(20) NULL"),
        migrations.RunSQL("UPDATE onboarding_starter SET cost_centre = '' WHERE cost_centre IS NULL"),
        migrations.RunSQL("CREATE INDEX starter_by_cost_centre ON onboarding_starter (cost_centre)"),
    ]
