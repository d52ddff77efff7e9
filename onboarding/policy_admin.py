"""The policy in Django admin: versions that are only added, for the site and for departments; a second admin's
agreement; and a page that says which policy holds for a starter and where each value comes from."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from onboarding import policy
from onboarding.models import PolicyVersion, Starter
from onboarding.models.issue import IdentityCheck
from onboarding.models.policy import DepartmentPolicy
from onboarding.models.rules import BY_DEPARTMENT, SETTINGS
from onboarding.policy_form import DepartmentForm, PolicyForm, setting
from onboarding.read_only import ReadOnly

SECTIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_("The pass"), ("lifetime_minutes", "attempts", "identity_checks")),
    (_("The manager's sign-in"), ("sign_in_minutes", "step_up_context")),
    (
        _("When"),
        (
            "invite_days_before", "remind_days_before", "remind_on_day", "escalate_to", "escalate_hour",
            "opens_minutes_before", "closes_days_after",
        ),
    ),
    (
        _("Which accounts"),
        (
            "new_days_before", "new_days_after", "hire_date", "hire_date_days", "same_person", "same_manager",
            "restricted_unit", "sign_ins", "eligible_roles", "eligible_groups", "pass_policy",
        ),
    ),
    (_("For whom"), ("scope_domains", "scope_departments", "scope_groups", "deny_list")),
    (_("How many"), ("manager_daily", "hr_daily", "site_daily")),
    (_("More people"), ("second_admin", "approve_all", "approve_manager", "approve_beyond")),
    (
        _("Records, addresses and Graph"),
        ("retention_days", "audit_days", "hr_address", "security_address", "duty_address", "graph_calls",
         "graph_seconds"),
    ),
)  # fmt: skip


class PolicyAdmin(ReadOnly):
    """What both kinds of versions share: adding one, agreeing to one, and what each says differently."""

    department_only = False
    list_display: Any = ("number", "created_at", "by_name", "reason", "stands", "differs")

    def get_queryset(self, request: HttpRequest) -> Any:
        chosen = super().get_queryset(request).select_related("created_by", "activation__by")
        return chosen.exclude(department="") if self.department_only else chosen.filter(department="")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"onboarding.add_{self.opts.model_name}")

    @admin.display(description=_("made by"))
    def by_name(self, version: PolicyVersion) -> str:
        return version.by_name

    @admin.display(description=_("stands"))
    def stands(self, version: PolicyVersion) -> str:
        newest = (
            PolicyVersion.objects.active().filter(department=version.department).order_by("-number").first()
        )
        if newest is not None and newest.number == version.number:
            return gettext("in force")
        if version.needs_second and not hasattr(version, "activation"):
            return (
                gettext("waits for a second admin")
                if policy.may_still_come(version)
                else gettext("overtaken, never in force")
            )
        return gettext("was in force")

    @admin.display(description=_("agreed to by"))
    def agreed(self, version: PolicyVersion) -> str:
        if not version.needs_second:
            return gettext("nobody else was needed")
        activation = getattr(version, "activation", None)
        return (
            f"{activation.by.name}, {date_format(activation.at, 'ENDED')} UTC"
            if activation
            else gettext("nobody yet")
        )

    @admin.display(description=_("what differs from the one before"))
    def differs(self, version: PolicyVersion) -> SafeString | str:
        return told(changes_of(version)) or gettext("nothing")

    def get_urls(self) -> list[URLPattern]:
        name = self.opts.model_name
        own = [
            path(
                "<int:object_id>/agree/",
                self.admin_site.admin_view(self.agree),
                name=f"onboarding_{name}_agree",
            )
        ]
        return [*own, *super().get_urls()]

    def agree(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A second admin sees what differs, and puts the version in force."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        version = get_object_or_404(self.get_queryset(request), pk=object_id)
        back = reverse(f"admin:onboarding_{self.opts.model_name}_changelist")
        if request.method == "POST":
            try:
                policy.activate(object_id, by=request.user)  # type: ignore[arg-type]  # our user model
            except policy.CannotActivate as why:
                messages.error(request, str(why))
            else:
                messages.success(request, gettext("Version %(number)s is in force.") % {"number": object_id})
            return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Put version %(number)s in force") % {"number": object_id},
            "version": version,
            "changes": changes_of(version),
            "opts": self.opts,
            "own": version.created_by_id == request.user.pk,
            "stands": self.stands(version),
        }
        return TemplateResponse(request, "admin/policy_agree.html", context)

    @admin.display(description=_("second admin"))
    def to_agree(self, version: PolicyVersion) -> SafeString | str:
        if not version.needs_second or hasattr(version, "activation") or not policy.may_still_come(version):
            return "–"
        url = reverse(f"admin:onboarding_{self.opts.model_name}_agree", args=[version.number])
        return format_html('<a href="{}">{}</a>', url, gettext("Look and put in force"))

    def tell(self, request: HttpRequest, version: PolicyVersion) -> None:
        if policy.add_version(version, by=request.user):  # type: ignore[arg-type]
            return
        messages.warning(
            request,
            gettext("Version %(number)s waits: another admin must look at it and put it in force.")
            % {"number": version.number},
        )

    def log_addition(self, *args: Any) -> Any:
        """The audit trail tells of it; Django's own log would tell it twice."""


@admin.register(PolicyVersion)
class PolicyVersionAdmin(PolicyAdmin):
    """Adding a version puts it in force at once, or once a second admin agrees. It starts from the one in force."""

    form = PolicyForm
    list_display = ("number", "created_at", "by_name", "reason", "stands", "differs", "to_agree")
    readonly_fields = ("created_at", "created_by", "single_use", "agreed", "differs", "stands")
    fieldsets = (
        (None, {"fields": ("reason", "frozen")}),
        *((title, cast(Any, {"fields": names})) for title, names in SECTIONS),
        (
            _("This version"),
            {"fields": ("single_use", "stands", "created_by", "created_at", "agreed", "differs")},
        ),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        newest = policy.in_force()
        return {name: getattr(newest, name) for name in SETTINGS}

    def save_model(self, request: HttpRequest, obj: PolicyVersion, form: Any, change: bool) -> None:
        self.tell(request, obj)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.in_force))
        return [path("in-force/", view, name="onboarding_policyversion_in_force"), *super().get_urls()]

    def in_force(self, request: HttpRequest) -> HttpResponse:
        """The policy for one starter or one department, and which version each value comes from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        public_id, department = request.GET.get("starter", ""), request.GET.get("department", "")
        starter = Starter.objects.filter(public_id=public_id).first() if public_id else None
        if public_id and starter is None:
            raise Http404
        rules = policy.for_starter(starter) if starter else policy.of_department(department)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Policy for %(name)s") % {"name": starter}
            if starter
            else gettext("Policy in force"),
            "starter": starter,
            "department": starter.department if starter else department,
            "rows": [
                {
                    "label": setting(one.name).verbose_name,
                    "value": in_words(one.name, one.value),
                    "version": one.version,
                }
                for one in policy.origins(rules)
            ],
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/policy_in_force.html", context)


@admin.register(DepartmentPolicy)
class DepartmentPolicyAdmin(PolicyAdmin):
    """What one department has otherwise. A version without anything of its own ends that."""

    department_only = True
    form = DepartmentForm
    list_display = (
        "number",
        "department",
        "created_at",
        "by_name",
        "reason",
        "stands",
        "differs",
        "to_agree",
    )
    readonly_fields = ("department", "created_at", "created_by", "agreed", "differs", "stands")
    fieldsets = None

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            own = tuple((t, {"fields": [n for n in names if n in BY_DEPARTMENT]}) for t, names in SECTIONS)
            return ((None, {"fields": ("department", "reason")}), *(one for one in own if one[1]["fields"]))
        return ((None, {"fields": ("department", "reason", *self.readonly_fields[1:])}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            return DepartmentForm
        return super().get_form(request, obj, change, **{**kwargs, "form": forms.ModelForm, "fields": ()})

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.version()

    def save_model(self, request: HttpRequest, obj: PolicyVersion, form: Any, change: bool) -> None:
        self.tell(request, obj)

    def save_related(self, *args: Any) -> None:
        """There is nothing beside the version."""


def changes_of(version: PolicyVersion) -> list[dict[str, Any]]:
    """What a version says differently from the one before it, in words."""
    earlier = PolicyVersion.objects.active().filter(number__lt=version.number).order_by("-number")
    before = earlier.filter(department=version.department).first() or earlier.filter(department="").first()
    names = version.overrides if version.department else SETTINGS
    if before is None:
        return []
    return [
        {
            "label": str(setting(name).verbose_name),
            "before": in_words(name, getattr(before, name)),
            "after": in_words(name, getattr(version, name)),
        }
        for name in names
        if getattr(before, name) != getattr(version, name)
    ]


def told(changes: list[dict[str, Any]]) -> SafeString:
    rows = ((one["label"], one["before"], one["after"]) for one in changes)
    return format_html_join("; ", "{}: {} → {}", rows)


def in_words(name: str, value: Any) -> str:
    if name == "identity_checks":
        return ", ".join(str(IdentityCheck(one).label) for one in value) or gettext("none")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value in (None, ""):
        return gettext("not set")
    choices = dict(setting(name).flatchoices)
    return str(choices.get(value, value)).replace("\n", ", ")
