"""Webhooks in Django admin: who gets events, and what became of each. Admins revoke a webhook and replay a delivery."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from onboarding.admin.read_only import ReadOnly
from onboarding.hooks import delivery, subscriptions
from onboarding.models import Hook, HookDelivery


def _is_admin(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_admin", False))


@admin.register(Hook)
class HookAdmin(ReadOnly):
    """The callback address and the secret are on no page: they are encrypted, and only the host is shown."""

    list_display = ("host", "source", "application_id", "format", "status", "created_at")
    list_filter = ("source", ("ended_at", admin.EmptyFieldListFilter))
    exclude = ("sealed_url", "sealed_secret", "ended_by")
    readonly_fields = ("status",)
    actions = ("revoke",)

    @admin.display(description=_("status"), ordering="ended_by")
    def status(self, hook: Hook) -> str:
        if hook.ended_at is None and hook.failures:
            return gettext("failing (failures in a row: %(count)s)") % {"count": hook.failures}
        return str(Hook.EndedBy(hook.ended_by).label)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    @admin.action(description=_("Revoke the selected webhooks"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: Any) -> None:
        for hook in queryset:
            subscriptions.end_hook(hook, ended_by=Hook.EndedBy.ADMIN, by=request.user)
        messages.success(request, gettext("Webhooks revoked. The portal no longer sends events to them."))


@admin.register(HookDelivery)
class HookDeliveryAdmin(ReadOnly):
    """The delivery log."""

    list_display = ("event", "hook", "status", "tries", "next_try", "http_status", "error", "created_at")
    list_filter = ("status", "event")
    list_select_related = ("hook",)
    search_fields = ("message_id",)
    actions = ("replay",)

    @admin.display(description=_("next attempt"), ordering="next_try_at")
    def next_try(self, row: HookDelivery) -> str:
        return f"{date_format(row.next_try_at, 'GIVEN_UP')} UTC" if row.next_try_at else "–"

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    @admin.action(description=_("Send the selected deliveries again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        ordered = list(queryset.select_related("hook").order_by("pk"))
        count = sum(delivery.replay_delivery(row, by=request.user) for row in ordered)
        text = ngettext(
            "A worker will send %(count)s delivery again.",
            "A worker will send %(count)s deliveries again.",
            count,
        )
        messages.success(request, text % {"count": count})
        if count < len(ordered):
            messages.warning(
                request,
                gettext(
                    "The portal cannot send some of the selected deliveries again. Possible reasons: the "
                    "delivery is still waiting, it ended more than seven days ago, or its webhook is no "
                    "longer active."
                ),
            )
