"""Addresses of the work: those of HR are in `hr/urls.py`, of managers in `managers/urls.py`, of auditors in
`auditors/urls.py`.

Every address needs a row in `tests/site/who_may_what.py`, which says who may open it. Programs
have the API (`api/urls.py`); other answers in JSON are for the portal's own pages and for health checks.
"""

from django.contrib import admin
from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from onboarding.admin.audit_chain import audit_chain_page
from onboarding.admin.mail_previews import mail_previews_page
from onboarding.admin.one_person import one_person_page
from onboarding.api.page import api_page
from onboarding.doctor.views import doctor
from onboarding.guidance.instructions import instructions_page
from onboarding.guidance.stop_page import stop_page
from onboarding.managers.landing import redirect_to_landing_page
from onboarding.operations.health import readyz


class PublicId(StringConverter):
    """What names a starter in an address; nothing else of that shape reaches the database."""

    regex = "[A-Za-z0-9_-]{22}"


register_converter(PublicId, "public_id")

urlpatterns = [
    path("", redirect_to_landing_page, name="home"),
    path("starters/", include("onboarding.managers.urls")),
    path("sheet/", instructions_page, name="sheet"),
    path("sheet/stop/", stop_page, name="stop"),
    path("hr/", include("onboarding.hr.urls")),
    path("audit/", include("onboarding.auditors.urls")),
    path("api/", api_page, name="api-page"),
    path("api/v1/", include("onboarding.api.urls")),
    path("readyz", readyz, name="readyz"),
    path("admin/doctor/", admin.site.admin_view(doctor), name="doctor"),  # before admin itself
    path("admin/audit-chain/", admin.site.admin_view(audit_chain_page), name="audit-chain"),
    path("admin/one-person/", admin.site.admin_view(one_person_page), name="one-person"),
    path("admin/mails/", admin.site.admin_view(mail_previews_page), name="mail-previews"),
]
