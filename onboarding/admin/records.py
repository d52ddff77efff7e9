"""The records in Django admin: read-only, except that failed jobs can be started again. No record holds a pass."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import jobs
from onboarding.admin import hooks as hooks  # registers pages of its own, as the next one does
from onboarding.admin import policy as policy
from onboarding.admin.read_only import ReadOnly
from onboarding.models import AuditEvent, Heartbeat, Job, Mail, PassIssue, Starter


class NamedChoicesFilter(admin.ChoicesFieldListFilter):
    """Give the empty choice a word: a link without text cannot be read or announced."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or gettext("none")}


@admin.register(Starter)
class StarterAdmin(ReadOnly):
    list_display = ("name", "state", "start_date", "start_time", "time_zone", "manager_name", "problem")
    list_filter = ("state", ("problem", NamedChoicesFilter))
    search_fields = ("display_name", "account_name", "manager_name")
    exclude = ("hire_date",)
    readonly_fields = ("hired_on", "policy")

    @admin.display(description=_("name"))
    def name(self, starter: Starter) -> str:
        return starter.name

    @admin.display(description=_("hire date"))
    def hired_on(self, starter: Starter) -> str:
        """Show the day: a moment could be another day in another zone."""
        return date_format(starter.hired_on, "DAY_YEAR") if starter.hired_on else "-"

    @admin.display(description=_("policy in force"))
    def policy(self, starter: Starter) -> SafeString:
        url = f"{reverse('admin:onboarding_policyversion_in_force')}?starter={starter.public_id}"
        return format_html('<a href="{}">{}</a>', url, gettext("See the policy for this starter"))


@admin.register(PassIssue)
class PassIssueAdmin(ReadOnly):
    list_display = ("id", "starter", "number", "state", "reason", "actor", "intended_at", "valid_until")
    list_filter = ("state", ("reason", NamedChoicesFilter))


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ("seq", "at", "event", "starter", "issue")
    list_filter = ("event",)
    search_fields = ("starter", "issue")


@admin.register(Mail)
class MailAdmin(ReadOnly):
    list_display = ("kind", "to", "subject", "written_at", "sent_at", "dropped_at")
    list_filter = ("kind",)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    list_display = ("worker", "beat_at", "clock_skew")


MEANINGS = {
    "mail": _(
        "The portal could not send an email. The last error shows the cause. Fix the cause. If the portal "
        "no longer tries to send the email, start this job again."
    ),
    "look": _(
        "The portal could not read some starters’ accounts in Entra. Every ten minutes, the portal tries "
        "one of these failed jobs again. If that job succeeds, the portal tries the others too."
    ),
    "sign_ins": _(
        "The portal could not read from Entra when someone last signed in to some starters’ accounts. It "
        "keeps trying. If the policy requires this check, these starters cannot get a pass until it "
        "succeeds."
    ),
    "hook": _(
        "The portal could not send events to a webhook. It keeps trying. The last error shows the cause."
    ),
    "retry": _(
        "The portal could not restart the failed jobs automatically. It keeps trying. The last error shows "
        "the cause."
    ),
    "issue": _(
        "The portal could not check or delete a pass. The portal keeps trying. The last error shows the "
        "cause."
    ),
    "stopped": _(
        "The portal could not read the sign-in methods of an account with an emergency stop, so the email to "
        "security does not list them. The last error shows the cause. If the portal no longer tries, start this job "
        "again."
    ),
    "daily": _(
        "The daily clean-up failed, so the portal may keep some personal details for too long. It keeps "
        "trying. The last error shows the cause."
    ),
    "audit_events": _(
        "The portal could not copy the events of the audit log to the server log. It keeps trying. The "
        "last error shows the cause."
    ),
    "audit_head": _(
        "At least one destination did not get a signed checkpoint (the number and hash of the newest "
        "event). The portal keeps trying. The last error shows the cause."
    ),
    "directory_log": _(
        "The portal could not read Entra’s audit log, so it raises no alarm about passes made outside it. It "
        "keeps trying. The last error shows the cause."
    ),
    "proposals": _(
        "The portal could not read the hire dates in Entra, so it cannot propose new starters. It keeps "
        "trying. The last error shows the cause."
    ),
    "audit_check": _(
        "The portal could not check the latest events of the audit log. It keeps trying. The last error "
        "shows the cause."
    ),
}


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Failed jobs come first. An admin can start them again."""

    list_display = ("key", "priority", "state", "due_at", "attempts", "last_error", "meaning")
    list_filter = ("priority", ("failed_at", admin.EmptyFieldListFilter))
    ordering = ("-failed_at", "priority", "due_at")
    readonly_fields = ("state", "meaning")
    actions = ("start_again",)

    @admin.display(description=_("state"), ordering="failed_at")
    def state(self, job: Job) -> str:
        if job.failed_at:
            return gettext("failed on %(moment)s UTC") % {"moment": date_format(job.failed_at, "GIVEN_UP")}
        if job.done_at:
            return gettext("done")
        return gettext("waiting for the next attempt") if job.attempts else gettext("waiting")

    @admin.display(description=_("explanation"))
    def meaning(self, job: Job) -> str:
        if not (job.failed_at or job.attempts):
            return "–"
        unknown = _("The portal has no explanation for this kind of job. The last error shows the cause.")
        return str(MEANINGS.get(job.key.partition(":")[0], unknown))

    def has_start_again_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_admin", False))

    @admin.action(description=_("Start the selected jobs again"), permissions=["start_again"])
    def start_again(self, request: HttpRequest, queryset: Any) -> None:
        restarted = sum(jobs.restart_job(job) for job in queryset)
        if restarted:
            messages.success(request, gettext("A worker will start the selected failed jobs again."))
        else:
            messages.warning(
                request, gettext("None of the selected jobs has failed, so none was started again.")
            )
