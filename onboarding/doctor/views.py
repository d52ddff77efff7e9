"""The doctor as a page for admins. To look at the page asks nobody anything; the button does."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from onboarding.doctor.frame import examine
from onboarding.doctor.words import MARKS, summary

LONGEST_NAME = 320


@never_cache
def doctor(request: HttpRequest) -> HttpResponse:
    if not getattr(request.user, "is_admin", False):
        raise PermissionDenied
    account = request.POST.get("account", "").strip()[:LONGEST_NAME]
    told = examine(account=account) if request.method == "POST" else ()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Doctor"),
        "account": account,
        "rows": [{"told": one, "mark": MARKS[one.state]} for one in told],
        "summary": summary(told) if told else "",
    }
    return TemplateResponse(request, "admin/doctor.html", context)
