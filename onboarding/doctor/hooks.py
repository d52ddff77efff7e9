"""Webhooks: whether they arrive, can be read with today's key, and go through a proxy."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import clock
from onboarding.doctor.context import DoctorRun
from onboarding.doctor.runner import Check, Finding
from onboarding.hooks import sending, subscriptions
from onboarding.models import Hook, HookDelivery
from onboarding.sealing import Unreadable

LATE_AFTER = timedelta(hours=1)
MOST_NAMED = 5


def check_keys(_run: DoctorRun) -> Finding:
    keys = [(hook.host, _key_of(hook)) for hook in Hook.objects.filter(ended_at=None)]
    if lost := [host for host, key in keys if key == "lost"]:
        return Finding(
            "wrong",
            gettext("The portal cannot read the address or secret of these webhooks: %(hosts)s.")
            % {"hosts": _name(lost)},
            gettext(
                "SECRET_KEY has changed. Add the earlier key to SECRET_KEY_FALLBACKS and restart the "
                "portal. Or revoke these webhooks in the administration and let the other systems add them "
                "again."
            ),
        )
    if any(key == "earlier" for _, key in keys):
        return Finding(
            "ok",
            gettext(
                "The portal can read all webhooks, but for some it needs an earlier key in SECRET_KEY_FALLBACKS."
            ),
            gettext(
                "Restart the portal: it then encrypts these webhooks with the new key. Until then, keep the earlier key."
            ),
        )
    return Finding("ok", gettext("The portal can read all webhooks."))


def check_deliveries(_run: DoctorRun) -> Finding:
    waiting = HookDelivery.objects.filter(status=HookDelivery.Status.WAITING, tries__gt=0)
    late = waiting.filter(created_at__lt=clock.now() - LATE_AFTER).select_related("hook")
    hosts = sorted({row.hook.host for row in late.order_by("pk")[:1000]})
    if not hosts:
        return Finding("ok", gettext("No delivery has been waiting for an hour or longer."))
    return Finding(
        "wrong",
        gettext("For at least an hour, the portal has been unable to deliver webhooks to: %(hosts)s.")
        % {"hosts": _name(hosts)},
        gettext(
            "Open “Webhook deliveries” in the administration to see the HTTP status and last error of each "
            "delivery. The portal tries for three days. After that, an admin can send a delivery again."
        ),
    )


def check_network(run: DoctorRun) -> Finding:
    proxied = sending.list_proxied_hosts(run.rules)
    if not proxied:
        return Finding("ok", gettext("The portal checks each address before connecting to it."))
    return Finding(
        "unknown",
        gettext(
            "A proxy sends the webhooks to: %(hosts)s. The portal cannot check which addresses the proxy "
            "connects to. The portal only checks that the policy lists the host."
        )
        % {"hosts": _name(proxied)},
        gettext(
            "Configure the proxy to refuse private addresses, or let this machine reach these hosts "
            "without the proxy."
        ),
    )


def _key_of(hook: Hook) -> Literal["current", "earlier", "lost"]:
    try:
        _, is_current = subscriptions.unseal_hook(hook)
    except Unreadable:
        return "lost"
    return "current" if is_current else "earlier"


def _name(hosts: list[str]) -> str:
    named = sorted(set(hosts))
    return ", ".join(named[:MOST_NAMED]) + (" …" if len(named) > MOST_NAMED else "")


CHECKS = (
    Check("hooks.keys", _("Access to stored webhooks"), check_keys, needs=("database.migrations",)),
    Check("hooks.delivered", _("Delivery of webhooks"), check_deliveries, needs=("database.migrations",)),
    Check("hooks.network", _("Network addresses of webhooks"), check_network, needs=("database.migrations",)),
)
