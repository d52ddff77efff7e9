"""Mails about changes of the policy: to the addresses that held before the change, and about drafts to security."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from onboarding import audit, clock, i18n, policy
from onboarding.jobs import enqueue_job, job_handler
from onboarding.mail import outbox
from onboarding.mail.kinds import Reader
from onboarding.mail.rendering import common_context
from onboarding.models import Job, PolicyVersion
from onboarding.policy import ChangeKind, PolicyChange, SettingChange

# Object ids of emergency accounts: a mail says only that the list changed.
WITHOUT_VALUES = frozenset({"deny_list", "probe_accounts"})


def follow_policy_changes() -> None:
    """Write mails about each change of the policy from now on."""
    policy.add_follower(write_policy_mails)


def write_policy_mails(change: PolicyChange) -> None:
    """To security and HR, at the addresses before the change. About a draft: to security."""
    kind = "policy_draft" if change.kind == ChangeKind.DRAFT else "policy_changed"
    recipients = list_recipients(change.before)
    if change.kind == ChangeKind.DRAFT:
        recipients = {reader: to for reader, to in recipients.items() if reader == Reader.SECURITY}
    with i18n.default_language():
        context = policy_context(change)
    for reader, to in recipients.items():
        key = f"{change.version.number}:{change.version.created_at.isoformat()}:{change.kind}:{reader}"
        outbox.write_notice(kind, to=to, key=key, recipient=reader, details=context)
    if change.kind == ChangeKind.SCHEDULED:
        enqueue_job(
            f"policy-in-force:{change.version.number}", priority=Job.Priority.MAIL, due_at=change.in_force_at
        )


@job_handler("policy-in-force")
def write_when_in_force(number: str) -> None:
    """Say that the time of a version has come. Nobody is notified of a version that was stopped before."""
    with audit.transaction():
        came = PolicyVersion.objects.ever_active(clock.now()).select_related("created_by")
        if version := came.filter(pk=number).first():
            before, after = policy.effective_before(version), policy.effective_with(version)
            name, reason = version.by_name, version.reason
            write_policy_mails(PolicyChange(ChangeKind.DUE, version, before, after, name, reason))


def list_recipients(rules: PolicyVersion) -> dict[Reader, str]:
    """The addresses that get a change of this policy; each address once. Empty if none is set."""
    security = rules.security_address or settings.SECURITY_ADDRESS
    hr = rules.hr_address or settings.HR_ADDRESS
    found = {Reader.SECURITY: security, Reader.HR: "" if hr.casefold() == security.casefold() else hr}
    return {reader: address for reader, address in found.items() if address}


def policy_context(change: PolicyChange) -> dict[str, Any]:
    """What the templates can say about a change, in the present language."""
    version, at = change.version, change.in_force_at
    return {
        **common_context(),
        "kind": str(change.kind),
        "number": version.number,
        "department": version.department,
        "author": version.by_name,
        "who": change.by_name,
        "reason": change.reason,
        "moment": date_format(timezone.localtime(at, timezone.get_default_timezone()), "LONG") if at else "",
        "zone": settings.TIME_ZONE,
        "changes": [_without_values(row) for row in policy.describe_changes(change.before, change.after)],
        "link": settings.PORTAL_URL + version_path(version),
        "start": "",
    }


def version_path(version: PolicyVersion) -> str:
    """The page on which admins review a version, and activate or stop it."""
    table = "departmentpolicy" if version.department else "policyversion"
    return reverse(f"admin:onboarding_{table}_agree", args=[version.number])


def _without_values(row: SettingChange) -> SettingChange:
    if row.name not in WITHOUT_VALUES:
        return row
    return SettingChange(row.name, row.label, gettext("the previous list"), gettext("the new list"))
