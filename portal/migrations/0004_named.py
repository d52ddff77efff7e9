"""Names of the columns, as in the work’s own tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_claims_seen"),
    ]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="name",
            field=models.CharField(max_length=256, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="user",
            name="roles",
            field=models.JSONField(blank=True, default=list, verbose_name="roles"),
        ),
        migrations.AlterField(
            model_name="user",
            name="user_principal_name",
            field=models.CharField(max_length=1024, verbose_name="user principal name"),
        ),
    ]
