"""Django admin: the policy as versions that are only added, and everything else to read. No pass is anywhere."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest

from onboarding import jobs, policy
from onboarding.models import AuditEvent, Heartbeat, Job, Mail, PassIssue, PolicyVersion, Starter


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """To look at. Who may look is the user model's `has_perm`; nobody adds, changes or deletes here."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnly):
    """Adding a version puts it in force at once. A new one starts from the one in force."""

    list_display = ("number", "created_at", "by_name", "reason", "frozen", "lifetime_minutes", "attempts")
    readonly_fields = ("created_at", "created_by", "single_use")
    fieldsets = (
        (None, {"fields": ("reason", "frozen")}),
        ("The pass", {"fields": ("lifetime_minutes", "single_use", "attempts", "sign_in_minutes")}),
        ("When", {"fields": ("invite_days_before", "opens_minutes_before", "closes_days_after")}),
        ("Who and when", {"fields": ("created_by", "created_at")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("onboarding.add_policyversion")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = policy.in_force()
        return {name: getattr(newest, name) for name in policy.SETTABLE}

    def save_model(self, request: HttpRequest, obj: PolicyVersion, form: Any, change: bool) -> None:
        policy.add_version(obj, by=request.user)  # type: ignore[arg-type]  # our user model

    def log_addition(self, *args: Any) -> Any:
        """The audit trail tells of it; Django's own log would tell it twice."""


@admin.register(Starter)
class StarterAdmin(ReadOnly):
    list_display = ("name", "state", "start_date", "start_time", "time_zone", "manager_name", "problem")
    list_filter = ("state", "problem")
    search_fields = ("display_name", "account_name", "manager_name")


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
    list_display = ("worker", "beat_at")


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
