"""Where the next page of a list begins. The portal takes only the token from Graph's link, and never follows the link."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext_lazy as _

from onboarding.graph.responses import Record

LONGEST_TOKEN = 4000


def read_next_token(record: Record) -> str:
    """Return the token of the next page, empty on the last page. Raises Incomplete if a link has no token."""
    link = record.raw("@odata.nextLink")
    if link is None:
        return ""
    try:
        query = parse_qsl(urlsplit(str(link)).query)
    except ValueError:
        query = []
    tokens = [value for name, value in query if name.casefold() == "$skiptoken"]
    if len(tokens) != 1 or len(tokens[0]) > LONGEST_TOKEN:
        raise record.incomplete(_("the rest of the list"))
    return tokens[0]
