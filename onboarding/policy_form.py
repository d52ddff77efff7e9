"""What an admin fills in for a new version of the policy: the site's, or what a department has otherwise."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from onboarding import policy, policy_sense
from onboarding.models import PolicyVersion
from onboarding.models.issue import IdentityCheck
from onboarding.models.policy import DepartmentPolicy
from onboarding.models.rules import BY_DEPARTMENT, SETTINGS

LISTS = ("scope_domains", "scope_departments", "scope_groups", "deny_list")


def setting(name: str) -> Any:
    """The field of a setting, with its name for people, its help and its choices."""
    return PolicyVersion._meta.get_field(name)


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A new version of the site's policy."""

    identity_checks = forms.MultipleChoiceField(
        label=_("Accepted ways to check who somebody is"),
        choices=IdentityCheck.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=setting("identity_checks").help_text,
    )

    class Meta:
        model = PolicyVersion
        fields = ("reason", *SETTINGS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in LISTS:
            if name in cleaned:
                cleaned[name] = "\n".join(policy_sense.lines(cleaned[name]))
        if not self.errors:
            self.refuse_nonsense(PolicyVersion(**cleaned))
        return cleaned

    def refuse_nonsense(self, meant: PolicyVersion) -> None:
        for name, why in policy_sense.nonsense(meant):
            self.add_error(name if name in self.fields else None, why)


class DepartmentForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a department has otherwise. An empty field means: as the site."""

    department = forms.CharField(
        max_length=128, help_text=_("As the directory spells it; capitals and spaces do not matter.")
    )

    class Meta:
        model = DepartmentPolicy
        fields = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields |= {name: as_the_site(name) for name in BY_DEPARTMENT}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["department"] = policy.normal(cleaned.get("department", ""))
        given = {name: cleaned.get(name) for name in BY_DEPARTMENT if cleaned.get(name) not in (None, "", [])}
        self.overrides = {
            name: value == "yes" if value in ("yes", "no") else value for name, value in given.items()
        }
        if not self.errors:
            meant = policy.merged(
                policy.in_force(), PolicyVersion(**self.overrides, overrides=list(self.overrides))
            )
            for name, why in policy_sense.nonsense(meant):
                self.add_error(name if name in self.fields else None, why)
        return cleaned

    def version(self) -> PolicyVersion:
        """The row to add: the site's values, and over them the department's own."""
        site = policy.in_force()
        values = {name: getattr(site, name) for name in SETTINGS} | {"frozen": False} | self.overrides
        return PolicyVersion(
            **values,
            reason=self.cleaned_data["reason"],
            department=self.cleaned_data["department"],
            overrides=sorted(self.overrides),
        )


def as_the_site(name: str) -> forms.Field:
    """The field of a setting, where nothing said means: as the site."""
    told: dict[str, Any] = {
        "label": setting(name).verbose_name,
        "help_text": setting(name).help_text,
        "required": False,
    }
    if name == "identity_checks":
        return forms.MultipleChoiceField(
            choices=IdentityCheck.choices, widget=forms.CheckboxSelectMultiple, **told
        )
    made: Any = setting(name).formfield(required=False, initial=None)
    if isinstance(made, forms.BooleanField):
        return forms.ChoiceField(choices=[("", _("as the site")), ("yes", _("yes")), ("no", _("no"))], **told)
    if isinstance(made, forms.TypedChoiceField):
        made.choices = [("", _("as the site")), *setting(name).flatchoices]
    return made  # type: ignore[no-any-return]
