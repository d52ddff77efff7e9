"""Differences between Entra's audit log and the portal's: a list to read, and a button with which an admin closes one."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from onboarding.admin.policy_notices import read_reason
from onboarding.admin.read_only import ReadOnly
from onboarding.directory_log import findings
from onboarding.models import DirectoryFinding


@admin.register(DirectoryFinding)
class DirectoryFindingAdmin(ReadOnly):
    list_display = ("kind", "at", "starter", "event", "found_at", "closed_at", "closed_by")
    list_filter = ("kind", ("closed_at", admin.EmptyFieldListFilter))
    exclude = ("key",)

    def get_urls(self) -> list[URLPattern]:
        close = self.admin_site.admin_view(require_POST(self.close_view))
        own = [path("<int:object_id>/close/", close, name="onboarding_directoryfinding_close")]
        return [*own, *super().get_urls()]

    def close_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Close a finding with a reason. The audit log has both."""
        if not getattr(request.user, "is_admin", False):
            raise PermissionDenied
        get_object_or_404(DirectoryFinding, pk=object_id)
        if reason := read_reason(request):
            try:
                findings.close_finding(object_id, by=request.user, reason=reason)
            except findings.AlreadyClosed:
                messages.error(request, gettext("Someone else has already resolved this difference."))
            else:
                messages.success(request, gettext("Marked as resolved. The audit log contains your reason."))
        return redirect("admin:index")
