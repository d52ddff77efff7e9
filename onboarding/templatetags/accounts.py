"""Show an account name so that a narrow screen never breaks it in mid-word."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
FITS = 30  # characters that fit on one line of a phone, where the account is not a column among many
_PARTS = re.compile(r"([@._-])(?=.)")


@register.filter
def breakable(name: Any) -> SafeString:
    """Let a long account name break after `@`, a dot, a hyphen or an underscore. Its text stays the same."""
    return escape(name) if len(str(name)) <= FITS else mark_breaks(name)


def mark_breaks(name: Any) -> SafeString:
    """Do the same with a name of any length, for a dense table."""
    return mark_safe(_PARTS.sub(r"\1<wbr>", escape(str(name))))  # noqa: S308 (escaped; an entity has none of these)
