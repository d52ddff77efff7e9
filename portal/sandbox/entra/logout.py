"""Signing out of Entra, and back to the portal where it asked for that."""

from __future__ import annotations

from portal.sandbox.entra.authorize import COOKIE
from portal.sandbox.entra.authorize_request import may_receive
from portal.sandbox.pages.frame import render_page
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, cookie_header, redirect, tag


def sign_out(tenant: Tenant, request: Request) -> Response:
    tenant.sessions.sign_out(request.cookie(COOKIE))
    forgotten = cookie_header(COOKIE, "", delete=True)
    after = request.query.get("post_logout_redirect_uri", "")
    if any(may_receive(application, after) for application in tenant.registrations.applications):
        return redirect(after, 302, forgotten)
    response = render_page("You signed out", tag("p", "It is a good idea to close all browser windows."))
    response.headers.update(forgotten)
    return response
