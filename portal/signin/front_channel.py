"""Front-channel sign-out: Entra says that a session of its own has ended, and the portal ends those that began in it.

Entra loads the address in a hidden frame of its sign-out page. Browsers send no cookie of ours there, so `sid` finds the
session. https://openid.net/specs/openid-connect-frontchannel-1_0.html
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal.models import User
from portal.signin.app import browser_url, issuer_url
from portal.signin.flows import hash_of

logger = logging.getLogger(__name__)
LONGEST_SID = 200
FRONT_CHANNEL_PATH = "/signin/front-channel-logout"


def login_origin() -> str:
    """The origin of Entra's sign-out page, as a browser knows it."""
    parts = urlsplit(browser_url(f"{settings.AUTHORITY_HOST}/"))
    return f"{parts.scheme}://{parts.netloc}"


@login_not_required
@require_safe
def front_channel_sign_out(request: HttpRequest) -> HttpResponse:
    """End the portal's sessions of this `sid`. The answer is always the same, so it says nothing about sessions."""
    end_sessions_of(request.GET.get("sid", ""), issuer=request.GET.get("iss", ""))
    response = HttpResponse("Signed out.\n", content_type="text/plain; charset=utf-8")
    # Entra's sign-out page, and nobody else, may load it in a frame.
    response._csp_replace = {"frame-ancestors": [login_origin()]}  # type: ignore[attr-defined]
    response.xframe_options_exempt = True
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def end_sessions_of(sid: str, *, issuer: str) -> None:
    if not sid or len(sid) > LONGEST_SID or issuer != issuer_url():
        return
    for session in Session.objects.filter(entrasession__sid_hash=hash_of(sid)):
        person = User.objects.filter(pk=str(session.get_decoded().get(SESSION_KEY, 0))).first()
        session.delete()
        logger.info("Entra ended a session", extra={"oid": person.oid if person else ""})
