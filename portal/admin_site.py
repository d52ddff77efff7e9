"""Django admin behind Microsoft sign-in: no password form, its own policy for scripts, few who may enter."""

from __future__ import annotations

from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

# Django admin loads its own scripts by address and draws icons from `data:`; it has no nonces and no types.
SCRIPTS_OF_ADMIN = {
    "script-src": [SELF],
    "img-src": [SELF, "data:"],
    "require-trusted-types-for": None,
    "trusted-types": None,
}
a_look_or_a_form = require_http_methods(["GET", "HEAD", "POST"])  # Django's views take any other for a look
WITHOUT_PASSWORDS = {"password_change", "password_change_done"}


class PortalAdminConfig(AdminConfig):
    default_site = "portal.admin_site.PortalAdminSite"


class PortalAdminSite(AdminSite):
    site_title = site_header = _("Starter passes: administration")
    index_title = _("Policy and records")

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in WITHOUT_PASSWORDS]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inside = super().admin_view(view, cacheable)

        def for_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                raise PermissionDenied
            return inside(request, *args, **kwargs)

        return csp_replace(SCRIPTS_OF_ADMIN)(a_look_or_a_form(for_staff))

    @method_decorator(a_look_or_a_form)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Only who is signed in gets here. Nobody is asked for a password; who may not enter is told so."""
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    @method_decorator(a_look_or_a_form)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from portal.signin.views import sign_out  # needs the models, which load after this

        return sign_out(request)
