"""The forms for a new policy version: of the site, or of a department."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import policy
from onboarding.admin.opened_on import ChangeAwareForm
from onboarding.inputs.addresses import single_address
from onboarding.inputs.fields import refuse_hidden_in
from onboarding.models import PolicyVersion
from onboarding.models.pass_issue import IdentityCheck
from onboarding.models.policy import DepartmentPolicy
from onboarding.models.policy_settings import DEPARTMENT_SETTINGS, SETTING_NAMES, SecondAdmin
from onboarding.policy import format_setting, setting_field, validation

LISTS = (
    "scope_domains", "scope_departments", "scope_groups", "deny_list", "probe_accounts", "api_applications",
    "api_trusted_sources", "hook_hosts", "hook_private_ranges",
)  # fmt: skip


class PolicyForm(ChangeAwareForm):
    """A new version of the site's policy."""

    identity_checks = forms.MultipleChoiceField(
        label=_("Accepted identity checks"),
        choices=IdentityCheck.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=setting_field("identity_checks").help_text,
    )

    class Meta:
        model = PolicyVersion
        fields = ("reason", *SETTING_NAMES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        refuse_hidden_in(self)
        write_addresses_in_ascii(cleaned)
        for name in LISTS:
            if name in cleaned:
                cleaned[name] = "\n".join(validation.split_lines(cleaned[name]))
        self.refuse_if_changed()
        return cleaned

    def _post_clean(self) -> None:
        """Check combinations only if each single value is allowed."""
        super()._post_clean()  # type: ignore[misc]  # Django's own, where it checks the model's fields
        if not self.errors:
            for name, why in validation.find_contradictions(self.instance):
                self.add_error(name if name in self.fields else None, why)

    def values_at(self, number: int) -> dict[str, Any]:
        version = policy.version_at(number, "")
        if version is None:
            return {}
        values = {name: getattr(version, name) for name in SETTING_NAMES}
        return values | {"second_admin": SecondAdmin.current(version.second_admin)}

    def format_value(self, name: str, value: Any) -> str:
        return format_setting(name, value)


class DepartmentForm(ChangeAwareForm):
    """The settings of a department. An empty field means: same as the site."""

    opened_for = forms.CharField(label="", widget=forms.HiddenInput, required=False)
    department = forms.CharField(
        max_length=128,
        help_text=_(
            "The name of the department, spelled as in Entra. Capitals and extra spaces do not matter. "
            "Leave a setting below empty to use the value of the whole organisation."
        ),
    )

    class Meta:
        model = DepartmentPolicy
        fields = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["department"].label = capfirst(setting_field("department").verbose_name)
        self.fields |= {name: department_field(name) for name in DEPARTMENT_SETTINGS}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        refuse_hidden_in(self)
        write_addresses_in_ascii(cleaned)
        cleaned |= {name: None for name in DEPARTMENT_SETTINGS if cleaned.get(name, "?") in ("", [])}
        cleaned["department"] = policy.normalise_department(cleaned.get("department", ""))
        if cleaned["department"]:
            self.refuse_if_changed(cleaned["department"])
        if self.difference is not None:  # from here on the form shows what this department has
            self.data["opened_for"] = cleaned["department"]  # type: ignore[index]  # a copy of what was sent
        self.overrides = {
            name: value == "yes" if value in ("yes", "no") else value
            for name in DEPARTMENT_SETTINGS
            if (value := cleaned.get(name)) is not None
        }
        if not self.errors:
            meant = policy.merge_department_policy(
                policy.for_site(), PolicyVersion(**self.overrides, overrides=list(self.overrides))
            )
            for name, why in validation.find_contradictions(meant):
                self.add_error(name if name in self.fields else None, why)
        return cleaned

    def opened_values(self, number: int) -> dict[str, Any]:
        """Opened for another department, or for none, it did not show what this one has."""
        if (
            policy.normalise_department(self.cleaned_data.get("opened_for", ""))
            != self.cleaned_data["department"]
        ):
            return dict.fromkeys(DEPARTMENT_SETTINGS)
        return self.values_at(number)

    def values_at(self, number: int) -> dict[str, Any]:
        version = policy.version_at(number, self.cleaned_data["department"])
        return dict.fromkeys(DEPARTMENT_SETTINGS) | (own_settings(version) if version else {})

    def format_value(self, name: str, value: Any) -> str:
        if value in (None, "", []):
            return gettext("same as the whole organisation")
        return gettext(value) if value in ("yes", "no") else format_setting(name, value)

    def build_version(self) -> PolicyVersion:
        """Return the version to add: the site's values, replaced by the department's own."""
        site = policy.for_site()
        values = {name: getattr(site, name) for name in SETTING_NAMES} | {"frozen": False} | self.overrides
        return PolicyVersion(
            **values,
            reason=self.cleaned_data["reason"],
            department=self.cleaned_data["department"],
            overrides=sorted(self.overrides),
        )


def write_addresses_in_ascii(cleaned: dict[str, Any]) -> None:
    """Write an international domain as it is sent. What is not one address stays, and gets an error of its own."""
    for name in validation.ADDRESSES & cleaned.keys():
        cleaned[name] = single_address(cleaned[name]) or cleaned[name]


def own_settings(version: PolicyVersion) -> dict[str, Any]:
    """Return the department's own settings, as its form shows them."""
    own = {name: getattr(version, name) for name in version.overrides}
    return {name: ("no", "yes")[value] if isinstance(value, bool) else value for name, value in own.items()}


def department_field(name: str) -> forms.Field:
    """Return the form field of a setting. An empty value means: same as the site."""
    common: dict[str, Any] = {
        "label": capfirst(setting_field(name).verbose_name),
        "help_text": setting_field(name).help_text,
        "required": False,
    }
    if name == "identity_checks":
        return forms.MultipleChoiceField(
            choices=IdentityCheck.choices, widget=forms.CheckboxSelectMultiple, **common
        )
    made: Any = setting_field(name).formfield(required=False, initial=None)
    if isinstance(made, forms.BooleanField):
        return forms.ChoiceField(
            choices=[("", _("same as the whole organisation")), ("yes", _("yes")), ("no", _("no"))], **common
        )
    made.validators += [check for check in setting_field(name).validators if check not in made.validators]
    if isinstance(made, forms.TypedChoiceField):
        made.choices = [("", _("same as the whole organisation")), *setting_field(name).flatchoices]
    return made  # type: ignore[no-any-return]
