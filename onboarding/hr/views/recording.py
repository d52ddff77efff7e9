"""Recording a starter: look first, save what was seen, and go on with the next one of the same day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from onboarding import caps, directory, earlier, services
from onboarding.hr import words
from onboarding.hr.forms import RecordForm
from onboarding.hr.wanted import Wanted
from onboarding.models import Starter
from onboarding.permissions import hr_only

KEPT = ("start_date", "start_time", "time_zone")  # from one starter to the next
TOO_MANY = _(
    "You have recorded as many starters today as policy lets one person record. Ask an admin, or go on tomorrow."
)
NOT_KNOWN = _("Look at those recorded before, then tick that this is a new onboarding.")


@require_http_methods(["GET", "HEAD", "POST"])
@hr_only
def record(request: HttpRequest) -> HttpResponse:
    """Look up first, save what was seen. Each step shows the form again with all that was typed."""
    if request.method != "POST":
        return _record_page(request, RecordForm(initial=kept(request)))
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


def kept(request: HttpRequest) -> dict[str, str]:
    """When the last one started, which is when the next one does."""
    return {name: request.GET[name][:64] for name in KEPT if request.GET.get(name)}


def _not_found(request: HttpRequest, form: RecordForm) -> HttpResponse:
    if form.is_object_id:
        form.add_error(
            "account", gettext("No account has this object id. Check it, or type the account name instead.")
        )
        return _record_page(request, form, status=400)
    if request.POST.get("step") in {"expect", "expect-next"}:
        return _save(request, form, None)
    return _record_page(request, form, expected=True)


def _found(request: HttpRequest, form: RecordForm, found: directory.Found) -> HttpResponse:
    seen = form.cleaned_data["seen"] == found.account.object_id
    if request.POST.get("step") in {"save", "save-next"} and seen:
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
            facts=found.facts if found else None,
            by=request.user,
            knowing=request.POST.get("known", "").split(),
            **form.when(),
        )
    except caps.TooMany:
        form.add_error(None, TOO_MANY)
        return _record_page(request, form, found=found, expected=found is None, status=409)
    except services.AlreadyRecorded:
        form.add_error(
            "account", gettext("This account is already recorded, and not finished. Look for it in the list.")
        )
        return _record_page(request, form, found=found, status=409)
    except services.RecordedBefore:
        return _record_page(
            request, form, found=found, expected=found is None, known=str(NOT_KNOWN), status=409
        )
    messages.success(request, gettext("%(name)s is recorded.") % {"name": starter.name})
    if not request.POST["step"].endswith("-next"):
        return redirect("hr:starter", public_id=starter.public_id)
    when = {name: request.POST[name] for name in KEPT}
    return redirect(f"{reverse('hr:record')}?{urlencode(when)}")


def _record_page(
    request: HttpRequest,
    form: RecordForm,
    *,
    found: directory.Found | None = None,
    expected: bool = False,
    known: str = "",
    status: int = 200,
) -> HttpResponse:
    """`known` is what is wrong with the tick that earlier records are known."""
    who: earlier.Who | None = found.account if found else form.cleaned_data["account"] if expected else None
    before = words.recorded_before(earlier.records_of(who)) if who else []
    context = {
        "form": form,
        "found": directory.in_words(found, recorder=request.user, when=form.cleaned_data) if found else None,
        "expected": expected,
        "before": before,
        "before_ids": " ".join(one["public_id"] for one in before),
        "known": known,
        "ticked": request.POST.get("known", ""),
        "so_far": _so_far(request),
        "several_url": f"{reverse('hr:several')}?{urlencode(kept(request))}",
    }
    return render(request, "hr/record.html", context, status=status)


def _so_far(request: HttpRequest) -> dict[str, Any] | None:
    """Who records one after the other sees how many of that day there are."""
    wanted = Wanted.of({"on": request.GET.get("start_date", ""), "state": "all"})
    if not wanted.on:
        return None
    start = date.fromisoformat(wanted.on)
    count = Starter.objects.filter(start_date=start, erased_at=None).count()
    return {"count": count, "day": start, "url": wanted.url()}
