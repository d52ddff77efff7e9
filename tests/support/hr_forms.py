"""Sends the forms of HR's page of a starter, with the fields that the page has, as a browser does."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from onboarding.models import Starter
from portal.demo.visitor import forms_of


def fields_on_page(browser: Client, starter: Starter, action: str) -> dict[str, str]:
    """The fields of the form with this action. Raises LookupError if the page has no such form."""
    page = browser.get(f"/hr/{starter.public_id}/").content.decode()
    address = f"/hr/{starter.public_id}/{action}/"
    for form in forms_of(page):
        if form.action == address:
            return form.fields
    raise LookupError(f"no form leads to {address}")


def click(browser: Client, starter: Starter, action: str, *, follow: bool = False, **over: str) -> Any:
    """Open the starter's page and send the form of this action."""
    fields = fields_on_page(browser, starter, action) | over
    return browser.post(f"/hr/{starter.public_id}/{action}/", fields, follow=follow)


def version_of(starter: Starter) -> str:
    """The starter's version in a page that is opened now."""
    return str(Starter.objects.values_list("version", flat=True).get(pk=starter.pk))


def words_of(response: Any) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
