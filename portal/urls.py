"""Addresses of the site; those of the work are in `onboarding.urls`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from portal import languages, views
from portal.branding.style_guide import style_guide
from portal.own_sessions.views import own_sessions_page

urlpatterns = [
    path("", include("onboarding.urls")),
    path("", include("portal.signin.urls")),
    path("sessions/", own_sessions_page, name="own-sessions"),
    path("admin/", admin.site.urls),
    path("language/", languages.choose_language, name="language"),
    path("csp-report", views.csp_report, name="csp-report"),
    path("components/", style_guide, name="components"),
    path("livez", views.liveness, name="livez"),
]

handler400 = "portal.views.bad_request"
handler403 = "portal.views.permission_denied"
handler404 = "portal.views.page_not_found"
handler500 = "portal.views.server_error"
