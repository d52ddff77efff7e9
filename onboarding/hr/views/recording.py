"""Recording a starter: look first, save what was seen."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from onboarding import directory, services
from onboarding.hr.forms import RecordForm
from onboarding.permissions import hr_only


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record(request: HttpRequest) -> HttpResponse:
    """Look up first, save what was seen. Each step shows the form again with all that was typed."""
    if request.method != "POST":
        return _record_page(request, RecordForm())
    form = RecordForm(request.POST)
    looking = request.POST.get("step") == "look"
    if not form.is_valid() and not (looking and form.look_only()):
        return _record_page(request, form, status=400)
    looked = directory.look_up(form.cleaned_data["account"])
    if looked.trouble:
        form.add_error("account", looked.trouble)
        return _record_page(request, form, status=503)
    if looked.found is None:
        return _not_found(request, form)
    return _found(request, form, looked.found)


def _not_found(request: HttpRequest, form: RecordForm) -> HttpResponse:
    if form.is_object_id:
        form.add_error(
            "account", "No account has this object id. Check it, or type the account name instead."
        )
        return _record_page(request, form, status=400)
    if request.POST.get("step") == "expect":
        return _save(request, form, None)
    return _record_page(request, form, expected=True)


def _found(request: HttpRequest, form: RecordForm, found: directory.Found) -> HttpResponse:
    seen = form.cleaned_data["seen"] == found.account.object_id
    if request.POST.get("step") == "save" and seen:
        return _save(request, form, found)
    # Whatever was pressed: nothing is saved before HR has seen what the directory says of this very account.
    shown = RecordForm({**request.POST.dict(), "seen": found.account.object_id})
    shown.look_only()
    return _record_page(request, shown, found=found)


def _save(request: HttpRequest, form: RecordForm, found: directory.Found | None) -> HttpResponse:
    try:
        starter = services.record_starter(
            account_name=found.account.user_principal_name if found else form.cleaned_data["account"],
            account=found.account if found else None,
            manager=found.manager if found else None,
            by=request.user,
            **form.when(),
        )
    except services.AlreadyRecorded:
        form.add_error(
            "account", "This account is already recorded, and not finished. Look for it in the list."
        )
        return _record_page(request, form, found=found, status=409)
    messages.success(request, f"{starter.name} is recorded.")
    return redirect("hr:starter", public_id=starter.public_id)


def _record_page(
    request: HttpRequest,
    form: RecordForm,
    *,
    found: directory.Found | None = None,
    expected: bool = False,
    status: int = 200,
) -> HttpResponse:
    told = directory.in_words(found, recorder=request.user) if found else None
    return render(
        request, "hr/record.html", {"form": form, "found": told, "expected": expected}, status=status
    )
