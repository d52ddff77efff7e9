"""Contract: remove a column and its index while the next release, which no longer reads them, still serves."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("next_release", "0001_expand")]
    operations = [
        migrations.RunSQL("DROP INDEX starter_by_cost_centre"),
        migrations.RunSQL("ALTER TABLE onboarding_starter DROP COLUMN cost_centre"),
    ]
