"""People in Django admin: name, roles and last sign-in, to read. An admin can end all sessions of a person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin  # noqa: F401  (it registers the groups, which go again)
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.inputs.fields import PlainTextField
from portal.models import User

admin.site.unregister(Group)  # roles come from Entra with each sign-in; the portal uses no groups


class EndSessionsForm(forms.Form):
    """Why an admin ends the sessions, and that they are sure."""

    reason = PlainTextField(
        label=_("Reason"),
        max_length=300,
        help_text=_("The portal keeps the reason in the audit log and emails it to the security team."),
    )
    is_sure = forms.BooleanField(label=_("End all sessions of this person"))


@admin.register(User)
class PersonAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    change_form_template = "admin/person.html"
    list_display = ("name", "user_principal_name", "roles", "last_login")
    search_fields = ("name", "user_principal_name", "oid")
    ordering = ("name", "pk")
    fields = ("name", "user_principal_name", "roles", "last_login", "sessions_ended_at", "tid", "oid")
    readonly_fields = ("sessions_ended_at",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.end_sessions_view)
        own = [path("<int:object_id>/end-sessions/", view, name="portal_user_end_sessions")]
        return [*own, *super().get_urls()]

    def end_sessions_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask an admin for a reason and a confirmation, and end all sessions of the person on POST."""
        if not request.user.is_admin:  # type: ignore[union-attr]  # our user model
            raise PermissionDenied
        person = get_object_or_404(User, pk=object_id)
        form = EndSessionsForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            end_sessions = import_string(settings.END_SESSIONS)
            passes = end_sessions(person, by=request.user, reason=form.cleaned_data["reason"])
            messages.success(request, describe_end(person, passes))
            return redirect(reverse("admin:portal_user_change", args=[object_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("End all sessions of %(name)s") % {"name": person},
            "person": person,
            "form": form,
            "opts": self.opts,
        }
        status = 400 if form.errors else 200
        return TemplateResponse(request, "admin/end_sessions.html", context, status=status)


def describe_end(person: Any, passes: int) -> str:
    ended = gettext("All sessions of %(name)s have ended.") % {"name": person}
    if not passes:
        return ended
    deleted = ngettext(
        "The portal is deleting %(count)s pass that nobody had seen yet.",
        "The portal is deleting %(count)s passes that nobody had seen yet.",
        passes,
    )
    return f"{ended} {deleted % {'count': passes}}"
