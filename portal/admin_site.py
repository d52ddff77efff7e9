"""Django admin behind Microsoft sign-in: no password form, its own policy for scripts, admins and auditors only."""

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
only_get_head_post = require_http_methods(
    ["GET", "HEAD", "POST"]
)  # Django's views treat any other method as GET
WITHOUT_PASSWORDS = {"password_change", "password_change_done"}


class PortalAdminConfig(AdminConfig):
    default_site = "portal.admin_site.PortalAdminSite"


class PortalAdminSite(AdminSite):
    site_title = site_header = _("Starter passes: administration")
    index_title = _("Policy and data")

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in WITHOUT_PASSWORDS]

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        inside = super().admin_view(view, cacheable)

        def for_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_permission(request):
                raise PermissionDenied
            return inside(request, *args, **kwargs)

        return csp_replace(SCRIPTS_OF_ADMIN)(only_get_head_post(for_staff))

    @method_decorator(only_get_head_post)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send admins and auditors to the index, and refuse others. There is no password form."""
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    @method_decorator(only_get_head_post)
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from portal.signin.views import sign_out  # needs the models, which load after this

        return sign_out(request)
