"""The policy in Django admin: versions of the site and of departments, and their activation by a second admin.

One page shows which policy applies to a starter, and which version each value comes from.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from onboarding import audit, clock, policy
from onboarding.admin.policy_forms import DepartmentForm, PolicyForm, own_settings
from onboarding.admin.policy_notices import read_reason, say_that_it_waits, say_who_hears
from onboarding.admin.read_only import ReadOnly
from onboarding.inputs.characters import clean_name
from onboarding.models import PolicyVersion, Starter
from onboarding.models.policy import DepartmentPolicy
from onboarding.models.policy_settings import DEPARTMENT_SETTINGS, SETTING_NAMES
from onboarding.policy import SettingChange, format_setting, setting_field
from onboarding.sessions import second_person
from onboarding.sessions.freshness import require_fresh_sign_in

SECTIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_("The pass"), ("lifetime_minutes", "attempts", "identity_checks")),
    (_("The manager's sign-in"), ("sign_in_minutes", "step_up_context")),
    (
        _("Invitation, reminders and pass times"),
        (
            "invite_days_before", "remind_days_before", "remind_on_day", "escalate_to", "escalate_hour",
            "opens_minutes_before", "closes_days_after",
        ),
    ),
    (
        _("Account checks"),
        (
            "new_days_before", "new_days_after", "hire_date", "hire_date_days", "same_person", "same_manager",
            "restricted_unit", "phones_beforehand", "sign_ins", "eligible_roles", "eligible_groups", "pass_policy",
        ),
    ),
    (_("Allowed and blocked accounts"), ("scope_domains", "scope_departments", "scope_groups", "deny_list", "probe_accounts")),
    (
        _("Other systems"),
        (
            "api_applications", "api_trusted_sources", "api_agents", "hook_hosts", "hook_private_ranges", "propose_days",
            "accept_proposals",
        ),
    ),
    (
        _("Daily limits"),
        (
            "manager_daily", "manager_refusals_daily", "hr_daily", "import_daily", "hr_look_ups_daily", "hr_links_daily",
            "site_daily",
        ),
    ),
    (_("Approval by a second person"), ("second_admin", "admin_days", "approve_all", "approve_manager", "approve_beyond")),
    (
        _("Retention, email addresses and Microsoft Graph"),
        ("retention_days", "audit_days", "hr_address", "security_address", "duty_address", "graph_calls",
         "graph_seconds"),
    ),
)  # fmt: skip


class PolicyAdmin(ReadOnly):
    """What both kinds of versions share: adding, activating and comparing them."""

    department_only = False
    add_form_template = "admin/policy_add.html"
    list_display: Any = ("number", "created_at", "by_name", "reason", "status", "changes_in_words")

    def get_queryset(self, request: HttpRequest) -> Any:
        chosen = (
            super().get_queryset(request).select_related("created_by", "activation__by", "activation__stop")
        )
        return chosen.exclude(department="") if self.department_only else chosen.filter(department="")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"onboarding.add_{self.opts.model_name}")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let no other version come into force between the check of a form and its save."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with audit.transaction():
            return super().changeform_view(request, *args, **kwargs)

    @admin.display(description=_("written by"))
    def by_name(self, version: PolicyVersion) -> str:
        return version.by_name

    @admin.display(description=_("status"))
    def status(self, version: PolicyVersion) -> str:
        if is_draft(version):
            return (
                gettext("draft, waiting for a second admin")
                if policy.can_activate(version)
                else gettext("draft, out of date")
            )
        if is_stopped(version):
            return gettext("stopped, never in force")
        if is_scheduled(version):
            moment = date_format(version.in_force_since, "ENDED")
            return gettext("comes into force on %(moment)s UTC") % {"moment": moment}
        newest = policy.version_at(policy.newest_version_number(), version.department)
        if newest is not None and newest.number == version.number:
            return gettext("in force")
        return gettext("earlier version")

    @admin.display(description=_("activated by"))
    def activated_by(self, version: PolicyVersion) -> str:
        if not version.needs_second:
            return gettext("no second admin needed")
        activation = getattr(version, "activation", None)
        return (
            f"{activation.by_name}, {date_format(activation.at, 'ENDED')} UTC"
            if activation
            else gettext("not activated")
        )

    @admin.display(description=_("changes from the previous version"))
    def changes_in_words(self, version: PolicyVersion) -> SafeString | str:
        return format_changes(list_changes(version)) or gettext("no changes")

    def get_urls(self) -> list[URLPattern]:
        name, protect = self.opts.model_name, self.admin_site.admin_view
        own = [
            path("<int:object_id>/agree/", protect(self.activate_view), name=f"onboarding_{name}_agree"),
            path(
                "<int:object_id>/stop/", protect(require_POST(self.stop_view)), name=f"onboarding_{name}_stop"
            ),
        ]
        return [*own, *super().get_urls()]

    def activate_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show a second admin the changes, and activate the version on POST."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method == "POST":
            require_fresh_sign_in(request.user)
            try:
                second_person.activate_version(object_id, by=request.user)
            except policy.CannotActivate as why:
                messages.error(request, str(why))
            else:
                messages.success(request, gettext("Version %(number)s is in force.") % {"number": object_id})
                say_who_hears(request, policy.effective_before(version))
            return redirect(f"admin:onboarding_{self.opts.model_name}_changelist")
        changes, loosened = (
            list_changes(version),
            policy.list_loosened(policy.effective_before(version), policy.effective_with(version)),
        )
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Review version %(number)s") % {"number": object_id},
            "version": version,
            "changes": changes,
            "loosened": [change.label for change in changes if change.name in loosened],
            "opts": self.opts,
            "own": version.created_by_id == request.user.pk,
            "is_draft": is_draft(version),
            "is_out_of_date": is_draft(version) and not policy.can_activate(version),
            "is_scheduled": is_scheduled(version),
            "stop_url": reverse(f"admin:onboarding_{self.opts.model_name}_stop", args=[object_id]),
            "stands": self.status(version),
            "zone_name": timezone.get_current_timezone_name(),
        }
        return TemplateResponse(request, "admin/policy_agree.html", context)

    def stop_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Stop a version that comes into force later."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        reason = read_reason(request)
        if not reason:
            return redirect(f"admin:onboarding_{self.opts.model_name}_agree", object_id)
        try:
            policy.stop_version(object_id, by=request.user, reason=reason)  # type: ignore[arg-type]
        except policy.CannotActivate as why:
            messages.error(request, str(why))
        else:
            text = gettext("Version %(number)s was stopped and will not come into force.")
            messages.success(request, text % {"number": object_id})
            say_who_hears(request, policy.effective_before(version))
        return redirect(f"admin:onboarding_{self.opts.model_name}_changelist")

    @admin.display(description=_("second admin"))
    def activation_link(self, version: PolicyVersion) -> SafeString | str:
        if is_scheduled(version):
            text = gettext("Review or stop")
        elif is_draft(version) and policy.can_activate(version):
            text = gettext("Review and activate")
        else:
            return "–"
        url = reverse(f"admin:onboarding_{self.opts.model_name}_agree", args=[version.number])
        return format_html('<a href="{}">{}</a>', url, text)

    def save_model(self, request: HttpRequest, obj: PolicyVersion, form: Any, change: bool) -> None:
        version, opened_on = obj, form.cleaned_data["opened_on"]
        if not policy.only_stops_passes(version):  # an emergency does not wait for a sign-in
            require_fresh_sign_in(request.user)
        is_active = policy.add_version(version, by=request.user, opened_on=opened_on)  # type: ignore[arg-type]
        if not is_active:
            say_that_it_waits(request, version)
        say_who_hears(request, policy.effective_before(version), is_draft=not is_active)

    def log_addition(self, *args: Any) -> Any:
        """The audit log has it already, so Django's own log is not needed."""


@admin.register(PolicyVersion)
class PolicyVersionAdmin(PolicyAdmin):
    """A new version starts from the one in force. It applies at once, or after a second admin has activated it."""

    form = PolicyForm
    list_display = (
        "number",
        "created_at",
        "by_name",
        "reason",
        "status",
        "changes_in_words",
        "activation_link",
    )
    readonly_fields = ("created_at", "created_by", "single_use", "activated_by", "changes_in_words", "status")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        settings = tuple((title, {"fields": names}) for title, names in SECTIONS)
        if obj is None:
            return ((None, {"fields": ("reason", "frozen")}), *settings)
        about = ("single_use", "status", "created_by", "created_at", "activated_by", "changes_in_words")
        return (
            (None, {"fields": ("reason", "frozen")}),
            *settings,
            (_("This version"), {"fields": about}),
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = policy.for_site()
        return {name: getattr(newest, name) for name in SETTING_NAMES}

    def get_urls(self) -> list[URLPattern]:
        protect = self.admin_site.admin_view
        own = [
            path("in-force/", protect(require_safe(self.in_force)), name="onboarding_policyversion_in_force"),
            path("freeze/", protect(require_POST(self.freeze_view)), name="onboarding_policyversion_freeze"),
        ]
        return [*own, *super().get_urls()]

    def freeze_view(self, request: HttpRequest) -> HttpResponse:
        """Freeze at once, or write a draft that ends the freeze. The forms are on the first page."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        reason, frozen = read_reason(request), request.POST.get("frozen") == "yes"
        if not reason:
            return redirect("admin:index")
        if not frozen:
            require_fresh_sign_in(request.user)
        before = policy.for_site()
        try:
            version = policy.set_frozen(frozen, by=request.user, reason=reason)  # type: ignore[arg-type]
        except policy.AlreadyFrozen as why:
            messages.error(request, str(why))
            return redirect("admin:index")
        if version.needs_second:
            say_that_it_waits(request, version)
        else:
            messages.success(request, gettext("The portal is frozen. Managers cannot create passes."))
        say_who_hears(request, before, is_draft=version.needs_second)
        return redirect("admin:index")

    def in_force(self, request: HttpRequest) -> HttpResponse:
        """The policy for one starter or one department, and which version each value comes from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        public_id = request.GET.get("starter", "")
        department = clean_name(request.GET.get("department", ""), limit=128)
        starter = Starter.objects.filter(public_id=public_id).first() if public_id else None
        if public_id and starter is None:
            raise Http404
        rules = policy.for_starter(starter) if starter else policy.for_department(department)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Policy for %(name)s") % {"name": starter}
            if starter
            else gettext("Policy in force"),
            "starter": starter,
            "department": starter.department if starter else department,
            "rows": [
                {
                    "label": setting_field(origin.name).verbose_name,
                    "value": format_setting(origin.name, origin.value),
                    "version": origin.version,
                }
                for origin in policy.list_origins(rules)
            ],
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/policy_in_force.html", context)


@admin.register(DepartmentPolicy)
class DepartmentPolicyAdmin(PolicyAdmin):
    """The settings of one department that differ from the site. A version without any ends the difference."""

    department_only = True
    form = DepartmentForm
    list_display = (
        "number",
        "department",
        "to_change",
        "created_at",
        "by_name",
        "reason",
        "status",
        "changes_in_words",
        "activation_link",
    )
    readonly_fields = ("department", "created_at", "created_by", "activated_by", "changes_in_words", "status")
    fieldsets = None

    @admin.display(description=_("change"))
    def to_change(self, version: PolicyVersion) -> SafeString | str:
        """Link to the form, filled in with the department's current settings."""
        newest = policy.version_at(policy.newest_version_number(), version.department)
        if newest is None or newest.number != version.number:
            return "–"
        query = urlencode({"department": version.department})
        url = reverse(f"admin:onboarding_{self.opts.model_name}_add")
        return format_html('<a href="{}?{}">{}</a>', url, query, gettext("Change"))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        department = policy.normalise_department(request.GET.get("department", ""))
        own = policy.version_at(policy.newest_version_number(), department) if department else None
        opened_for = {"department": department, "opened_for": department} if department else {}
        return opened_for | (own_settings(own) if own else {})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            own = tuple(
                (t, {"fields": [n for n in names if n in DEPARTMENT_SETTINGS]}) for t, names in SECTIONS
            )
            who = ("department", "reason")
            return ((None, {"fields": who}), *(section for section in own if section[1]["fields"]))
        return ((None, {"fields": ("department", "reason", *self.readonly_fields[1:])}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return DepartmentForm
        return super().get_form(request, obj, change, **{**kwargs, "form": forms.ModelForm, "fields": ()})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.build_version()

    def save_related(self, *args: Any) -> None:
        """There are no related objects to save."""


def is_draft(version: PolicyVersion) -> bool:
    """Return whether no second admin has activated this version. It may be out of date by now."""
    return version.needs_second and not hasattr(version, "activation")


def is_stopped(version: PolicyVersion) -> bool:
    activation = getattr(version, "activation", None)
    return activation is not None and hasattr(activation, "stop")


def is_scheduled(version: PolicyVersion) -> bool:
    """Return whether this version comes into force later, unless somebody stops it."""
    return is_activated(version) and not is_stopped(version) and version.in_force_since > clock.now()


def is_activated(version: PolicyVersion) -> bool:
    return hasattr(version, "activation")


def list_changes(version: PolicyVersion) -> list[SettingChange]:
    """List the settings that differ from the policy before this version, in words."""
    return policy.describe_changes(policy.effective_before(version), policy.effective_with(version))


def format_changes(changes: list[SettingChange]) -> SafeString:
    rows = ((change.label, change.before, change.after) for change in changes)
    return format_html_join("; ", "{}: {} → {}", rows)
