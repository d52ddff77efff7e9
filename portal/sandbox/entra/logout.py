"""Signing out of Entra: its page tells each application, in a hidden frame, and leads back to the portal.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#single-sign-out
"""

from __future__ import annotations

from portal.sandbox.entra.authorize import COOKIE
from portal.sandbox.entra.authorize_request import may_receive, origin_of
from portal.sandbox.pages.frame import render_page
from portal.sandbox.sessions import sid_of
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Html, Request, Response, cookie_header, redirect, tag, with_query

REDIRECT_SECONDS = 1  # the frames load first


def sign_out(tenant: Tenant, request: Request) -> Response:
    cookie = request.cookie(COOKIE)
    addresses = _front_channel_addresses(tenant, tenant.sessions.sign_out(cookie), sid_of(cookie))
    after = request.query.get("post_logout_redirect_uri", "")
    if not any(may_receive(application, after) for application in tenant.registrations.applications):
        after = ""
    headers = cookie_header(COOKIE, "", delete=True)
    if after and not addresses:
        return redirect(after, 302, headers)
    response = render_page(
        "You signed out",
        tag("p", "It is a good idea to close all browser windows."),
        *(_frame(address) for address in addresses),
        frames_of=" ".join(sorted({origin_of(address) for address in addresses})),
    )
    response.headers.update(headers)
    if after:
        response.headers["Refresh"] = f"{REDIRECT_SECONDS}; url={after}"
    return response


def _frame(address: str) -> Html:
    return tag("iframe", src=address, hidden=True, title="Signing out")


def _front_channel_addresses(tenant: Tenant, client_ids: set[str], sid: str) -> list[str]:
    """The address that each of these applications registered, with the session that has ended."""
    found = [tenant.registrations.application_of(client_id) for client_id in sorted(client_ids)]
    registered = [application["web"]["logoutUrl"] for application in found if application]
    told = {"sid": sid, "iss": tenant.options.issuer}
    return [with_query(address, told) for address in registered if address]
