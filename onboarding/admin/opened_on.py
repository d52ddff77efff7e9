"""A policy form that knows the version on which it was opened, and refuses to undo a newer one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import policy

CHANGED = _(
    "The policy changed after you opened this form, so your changes were not saved. Compare your values "
    "with the current ones below, then save again."
)


class ChangeAwareForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """`difference` has a row for each setting that changed meanwhile, or is None if none did.

    A setting that the admin left alone gets the new value. What the admin typed stays.
    """

    opened_on = forms.IntegerField(label="", widget=forms.HiddenInput, required=False)
    difference: list[dict[str, Any]] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("opened_on", policy.newest_version_number())

    def values_at(self, number: int) -> dict[str, Any]:
        """Return what the form would show if it had been opened on that version; empty if there was none."""
        raise NotImplementedError

    def format_value(self, name: str, value: Any) -> str:
        raise NotImplementedError

    def opened_values(self, number: int) -> dict[str, Any]:
        """Return what the form showed when it was opened."""
        return self.values_at(number)

    def refuse_if_changed(self, department: str = "") -> None:
        """Add an error if the policy has changed. Call it when each field is cleaned, so that entries can be compared."""
        number = self.cleaned_data.get("opened_on") or 0
        newest = policy.newest_version_number()
        opened, now = self.opened_values(number), self.values_at(newest)
        if not policy.has_changed_since(number, department) and opened == now:
            return
        changed = [name for name in now if opened.get(name, self) != now[name]]
        self._take_over(now, [name for name in changed if self._is_untouched(name, opened)], newest)
        self.difference = [self._difference_of(name, opened, now) for name in changed]
        self.add_error(None, str(CHANGED))

    def _is_untouched(self, name: str, opened: dict[str, Any]) -> bool:
        typed = self.cleaned_data.get(name, self)  # a value that the field refused was typed as well
        return name in opened and typed == opened[name]

    def _difference_of(self, name: str, opened: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        typed = self.cleaned_data[name] if name in self.cleaned_data else self.data.get(name, "")
        return {
            "label": self.fields[name].label,
            "opened": self.format_value(name, opened[name]) if name in opened else gettext("not known"),
            "now": self.format_value(name, now[name]),
            "typed": self.format_value(name, typed),
        }

    def _take_over(self, now: dict[str, Any], names: list[str], newest: int) -> None:
        """Show the new values and their version from here on."""
        self.data = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
        for name in names:
            self.cleaned_data[name] = now[name]
        for name, value in {**{name: now[name] for name in names}, "opened_on": newest}.items():
            if isinstance(value, list):
                self.data.setlist(name, value)  # type: ignore[attr-defined]
            elif value is False:  # a box that is not ticked is not sent
                self.data.pop(name, None)  # type: ignore[attr-defined]
            else:
                self.data[name] = "" if value is None else str(value)  # type: ignore[index]
