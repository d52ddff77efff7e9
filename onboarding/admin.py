"""Django admin: the policy as versions that are only added, and everything else to read. No pass is anywhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding import jobs
from onboarding import policy_admin as policy_admin  # registers the policy's own pages
from onboarding.models import AuditEvent, Heartbeat, Job, Mail, PassIssue, Starter
from onboarding.read_only import ReadOnly


@admin.register(Starter)
class StarterAdmin(ReadOnly):
    list_display = ("name", "state", "start_date", "start_time", "time_zone", "manager_name", "problem")
    list_filter = ("state", "problem")
    search_fields = ("display_name", "account_name", "manager_name")
    readonly_fields = ("policy",)

    @admin.display(description="policy in force")
    def policy(self, starter: Starter) -> SafeString:
        url = f"{reverse('admin:onboarding_policyversion_in_force')}?starter={starter.public_id}"
        return format_html('<a href="{}">Which policy holds for this starter, and why</a>', url)


@admin.register(PassIssue)
class PassIssueAdmin(ReadOnly):
    list_display = ("id", "starter", "number", "state", "reason", "actor", "intended_at", "valid_until")
    list_filter = ("state", "reason")


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


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs that were given up stand first; an admin can start them again."""

    list_display = ("key", "priority", "due_at", "attempts", "failed_at", "done_at", "last_error")
    list_filter = ("priority", ("failed_at", admin.EmptyFieldListFilter))
    ordering = ("-failed_at", "priority", "due_at")
    actions = ("start_again",)

    @admin.action(description="Start the chosen jobs again", permissions=["view"])
    def start_again(self, request: HttpRequest, queryset: Any) -> None:
        if not getattr(request.user, "is_admin", False):
            messages.error(request, "Only an admin can start a job again.")
            return
        for job in queryset:
            jobs.start_again(job)
        messages.success(request, "The jobs are waiting for a worker again.")
