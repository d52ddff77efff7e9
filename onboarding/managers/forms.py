"""The form with which a manager confirms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from onboarding.models import EffectivePolicy
from onboarding.models.pass_issue import IdentityCheck


class ConfirmForm(forms.Form):
    identity_check = forms.ChoiceField(
        label=_("How did you check the starter’s identity?"),
        choices=IdentityCheck.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose how you checked the starter’s identity.")},
    )
    # The versions that the manager saw: if either has changed, they see the new page and no pass is created.
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    policy = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    # The other tool's pass that they chose to replace. An account has at most one.
    replace = forms.CharField(required=False, max_length=128, widget=forms.HiddenInput)

    def __init__(self, *args: Any, rules: EffectivePolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accepted = [choice for choice in IdentityCheck.choices if choice[0] in rules.identity_checks]
        self.fields["identity_check"].choices = accepted  # type: ignore[attr-defined]
