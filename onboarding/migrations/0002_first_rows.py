"""The rows that must be there from the start: the first policy, the head of the audit chain, Graph's budget."""

from django.db import migrations


def add_first_rows(apps, schema_editor):
    apps.get_model("onboarding", "AuditHead").objects.get_or_create(id=1)
    apps.get_model("onboarding", "GraphBudget").objects.get_or_create(id=1)
    policy = apps.get_model("onboarding", "PolicyVersion")
    if not policy.objects.exists():
        policy.objects.create(reason="The defaults that come with the portal")


class Migration(migrations.Migration):
    dependencies = [("onboarding", "0001_initial")]
    operations = [migrations.RunPython(add_first_rows, migrations.RunPython.noop)]
