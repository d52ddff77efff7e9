"""`prove_tenant` is killed when Microsoft has just created a probe pass: the worker of the running portal deletes it."""

from __future__ import annotations

import subprocess

from portal.demo.process import wait_for
from portal.sandbox.people import BY_KEY
from portal.supervisor import manage_command
from tests.faults.replicas import Portal, portal

NOOR = BY_KEY["noor"].object_id
# Two admins agree, as the administration records it.
AGREE = f"""
from django.conf import settings
from onboarding import policy
from onboarding.models import PolicyVersion
from onboarding.models.policy_settings import SETTING_NAMES
from portal.models import User
who = [User.objects.create(tid=settings.TENANT_ID, oid=oid, name=oid, roles=["Admin"]) for oid in ("ada", "amir")]
now = policy.for_site()
rules = {{name: getattr(now, name) for name in SETTING_NAMES}} | {{"probe_accounts": "{NOOR}"}}
version = PolicyVersion(**rules, reason="A test")
policy.add_version(version, by=who[0])
policy.activate_version(version.number, by=who[1])
"""


def run_command(site: Portal, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(manage_command(*words), env=site.environment, capture_output=True, check=False)


def test_a_killed_command_leaves_no_probe_pass() -> None:
    with portal() as site:
        agreed = run_command(site, "shell", "-v", "0", "--no-imports", "-c", AGREE)
        assert agreed.returncode == 0, agreed.stderr
        site.tenant.tenant.faults.add(
            {"method": "POST", "path": "temporaryAccessPassMethods$", "by": "prove_tenant", "caller": "kill"}
        )

        killed = run_command(site, "prove_tenant", "creation", "--probe", NOOR)

        made = [found for found in site.tenant.tenant.passes if found.person == "noor"]
        assert killed.returncode < 0 and len(made) == 1, killed.stdout + killed.stderr
        wait_for(lambda: made[0].ended == "deleted", "the worker to delete the probe pass")
        ended = "SELECT count(*) FROM onboarding_probepass WHERE ended_at IS NOT NULL"
        wait_for(lambda: site.database.one(ended), "the worker to see it gone")
