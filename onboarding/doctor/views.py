"""The doctor's page for admins. Opening the page runs nothing; the button does."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from onboarding.doctor.report import MARKS, summarise_results
from onboarding.doctor.runner import run_checks
from onboarding.inputs.characters import clean_name

LONGEST_NAME = 320


@never_cache
def doctor(request: HttpRequest) -> HttpResponse:
    if not getattr(request.user, "is_admin", False):
        raise PermissionDenied
    account = clean_name(request.POST.get("account", ""), limit=LONGEST_NAME)
    results = run_checks(account=account) if request.method == "POST" else ()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Doctor"),
        "account": account,
        "rows": [{"result": result, "mark": MARKS[result.state]} for result in results],
        "summary": summarise_results(results) if results else "",
    }
    return TemplateResponse(request, "admin/doctor.html", context)
