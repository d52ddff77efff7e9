"""What a manager says when confirming."""

from __future__ import annotations

from django import forms

from onboarding.models.issue import IdentityCheck


class ConfirmForm(forms.Form):
    identity_check = forms.ChoiceField(
        label="How did you check who they are?",
        choices=IdentityCheck.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose how you checked who they are."},
    )
    # What the manager saw: if either has changed since, they see the new page before anything is made.
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    policy = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
