"""Checks that a redirect URI is registered, without permissions and without a sign-in."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext

from portal.identity import http_session
from portal.signin.app import authority_url

AADSTS = re.compile(r"AADSTS(\d{4,9})")
UNKNOWN_CLIENT, UNKNOWN_TENANT = {"700016"}, {"90002", "900023"}
UNKNOWN_ADDRESS = {"50011", "500113", "500117"}
LARGEST_PAGE = 200_000


class AuthorizeAnswer(NamedTuple):
    """What the authorize endpoint made of one redirect URI: it came back there, or the numbers of its errors."""

    came_back: bool
    numbers: frozenset[str] = frozenset()
    problem: str = ""


def check_redirect_uri(address: str, *, client_id: str = "") -> AuthorizeAnswer:
    """Without anybody signed in, `prompt=none` is refused: at the redirect URI, and only at one that is registered."""
    query = {
        "client_id": client_id or settings.SIGN_IN_CLIENT_ID,
        "response_type": "code",
        "response_mode": "query",
        "redirect_uri": address,
        "scope": "openid profile",
        "state": "doctor",
        "nonce": secrets.token_hex(32),
        "code_challenge": secrets.token_urlsafe(32),
        "code_challenge_method": "S256",
        "prompt": "none",
    }
    try:
        with http_session() as session:
            session.max_redirects = 1  # requests needs 1 here even when it follows no redirect
            answer = session.get(
                f"{authority_url()}/oauth2/v2.0/authorize", params=query, allow_redirects=False
            )
    except requests.RequestException as error:
        return AuthorizeAnswer(False, problem=type(error).__name__)
    back = urlsplit(answer.headers.get("Location", ""))
    if answer.is_redirect and back._replace(query="", fragment="").geturl() == address:
        return AuthorizeAnswer(bool(parse_qs(back.query).get("error")))
    return AuthorizeAnswer(
        False,
        frozenset(AADSTS.findall(answer.text[:LARGEST_PAGE])),
        gettext("status %(number)s") % {"number": answer.status_code},
    )
