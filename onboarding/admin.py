"""Django admin: the policy as versions that are only added, and everything else to read. No pass is anywhere."""

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
from onboarding import policy_admin as policy_admin  # registers the policy's own pages
from onboarding.models import AuditEvent, Heartbeat, Job, Mail, PassIssue, Starter
from onboarding.read_only import ReadOnly


class Named(admin.ChoicesFieldListFilter):
    """Where nothing is set the filter says so; a link without a word could be neither read nor heard."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or gettext("none")}


@admin.register(Starter)
class StarterAdmin(ReadOnly):
    list_display = ("name", "state", "start_date", "start_time", "time_zone", "manager_name", "problem")
    list_filter = ("state", ("problem", Named))
    search_fields = ("display_name", "account_name", "manager_name")
    readonly_fields = ("policy",)

    @admin.display(description=_("name"))
    def name(self, starter: Starter) -> str:
        return starter.name

    @admin.display(description=_("policy in force"))
    def policy(self, starter: Starter) -> SafeString:
        url = f"{reverse('admin:onboarding_policyversion_in_force')}?starter={starter.public_id}"
        return format_html(
            '<a href="{}">{}</a>', url, gettext("Which policy holds for this starter, and why")
        )


@admin.register(PassIssue)
class PassIssueAdmin(ReadOnly):
    list_display = ("id", "starter", "number", "state", "reason", "actor", "intended_at", "valid_until")
    list_filter = ("state", ("reason", Named))


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
        "A mail was not sent: the mailbox or the mail server refused it. See its last error; mend that first."
    ),
    "look": _("A starter's account was not looked at: the directory did not answer."),
    "issue": _(
        "A pass was not seen to its end. It is tried for ever; the last error says what stands in the way."
    ),
    "daily": _("What is no longer needed was not forgotten."),
}


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs that were given up stand first; an admin can start them again."""

    list_display = ("key", "priority", "state", "due_at", "attempts", "last_error", "meaning")
    list_filter = ("priority", ("failed_at", admin.EmptyFieldListFilter))
    ordering = ("-failed_at", "priority", "due_at")
    readonly_fields = ("state", "meaning")
    actions = ("start_again",)

    @admin.display(description=_("state"), ordering="failed_at")
    def state(self, job: Job) -> str:
        if job.failed_at:
            return gettext("given up %(moment)s UTC") % {"moment": date_format(job.failed_at, "GIVEN_UP")}
        if job.done_at:
            return gettext("done")
        return gettext("waits to be tried again") if job.attempts else gettext("waits")

    @admin.display(description=_("what it means"))
    def meaning(self, job: Job) -> str:
        if not (job.failed_at or job.attempts):
            return "–"
        unknown = _("A job of a kind that this release does not know.")
        return str(MEANINGS.get(job.key.partition(":")[0], unknown))

    def has_start_again_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_admin", False))

    @admin.action(description=_("Start the chosen jobs again"), permissions=["start_again"])
    def start_again(self, request: HttpRequest, queryset: Any) -> None:
        for job in queryset:
            jobs.start_again(job)
        messages.success(request, gettext("The jobs that were given up are waiting for a worker again."))
