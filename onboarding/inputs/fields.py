"""Form fields for text that a person types: hidden characters are refused, with the character's name."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from onboarding.inputs.characters import find_hidden


def refuse_hidden_characters(text: str) -> str:
    """Return the text with `\\n` as its line breaks. Raises ValidationError for an invisible character."""
    if error := describe_hidden(text):
        raise ValidationError(error, code="hidden_characters")
    return text.replace("\r\n", "\n")


def describe_hidden(text: str) -> str:
    """Return the error about the first hidden character of the text, an empty text if it has none."""
    lines = text.replace("\r\n", "\n")  # how browsers send a new line
    found = next(find_hidden(lines, line_breaks=True), None)
    if found is None:
        return ""
    called = f"{found.code}, {found.name}" if found.name else found.code
    return gettext(
        "This text contains invisible characters. The first is character %(position)s: %(name)s. "
        "Remove this character, or type the text instead of pasting it."
    ) % {"position": found.position, "name": called}


def refuse_hidden_in(form: forms.BaseForm) -> None:
    """Add an error beside each field of a cleaned form whose text has a hidden character."""
    for name, value in list(form.cleaned_data.items()):
        if isinstance(value, str) and (error := describe_hidden(value)):
            form.add_error(name, ValidationError(error, code="hidden_characters"))


def plain_argument(text: str) -> str:
    """Return an argument of a command, as the `type` of argparse. Raises ArgumentTypeError for a hidden character."""
    if error := describe_hidden(text):
        raise ArgumentTypeError(error)
    return text


class PlainTextField(forms.CharField):
    """A text that other people will read."""

    def clean(self, value: Any) -> Any:
        return refuse_hidden_characters(super().clean(value))
