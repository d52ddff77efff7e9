"""Addresses of the work."""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from onboarding.audit_page import audit_chain
from onboarding.doctor.views import doctor
from onboarding.health import readyz
from onboarding.mail_previews import mails
from onboarding.managers.views import home
from onboarding.sheet import sheet


class PublicId(StringConverter):
    """What names a starter in an address; nothing else of that shape reaches the database."""

    regex = "[A-Za-z0-9_-]{22}"


register_converter(PublicId, "public_id")

urlpatterns = [
    path("", home, name="home"),
    path("starters/", include("onboarding.managers.urls")),
    path("sheet/", sheet, name="sheet"),
    path("hr/", include("onboarding.hr.urls")),
    path("readyz", readyz, name="readyz"),
    path("admin/doctor/", admin.site.admin_view(doctor), name="doctor"),  # before admin itself
    path("admin/audit-chain/", admin.site.admin_view(audit_chain), name="audit-chain"),
    path("admin/mails/", admin.site.admin_view(mails), name="mail-previews"),
]
