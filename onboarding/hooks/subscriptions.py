"""Webhooks come and go: an application adds and removes them, an admin revokes them, a receiver ends them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.views.decorators.debug import sensitive_variables

from onboarding import audit, clock, policy, sealing
from onboarding.hooks import addresses
from onboarding.hooks.signatures import new_secret
from onboarding.models import Hook, HookDelivery
from onboarding.sealing import Unreadable

log = logging.getLogger(__name__)

MOST_HOOKS = 20  # of one application


class TooManyHooks(Exception):
    """The application has as many webhooks as it can have."""


@dataclass(frozen=True, repr=False)
class Opened:
    """What is sealed of a webhook. It has no repr, so that no log shows it."""

    url: str
    secret: str


@sensitive_variables()
def add_hook(
    *, url: str, source: str, event_types: Collection[str], hook_format: str, by: Any
) -> tuple[Hook, str]:
    """Add a webhook of this application. Return it with its secret, which nobody can read again.

    Raises AddressRefused, TooManyHooks.
    """
    host = addresses.check_url(url, policy.for_site()).shown_host
    secret = new_secret()
    hook = Hook(
        source=source,
        application_id=by.application_id,
        host=host,
        format=hook_format,
        events=sorted(set(event_types)),
    )
    hook.sealed_url, hook.sealed_secret = _seal(hook, Opened(url, secret))
    with audit.transaction():
        if Hook.objects.filter(application_id=by.application_id, ended_at=None).count() >= MOST_HOOKS:
            raise TooManyHooks
        hook.save(force_insert=True)
        audit.record("hook.subscribed", by=by, facts=_facts(hook) | {"events": hook.events})
    return hook, secret


def end_hook(hook: Hook, *, ended_by: str, by: Any | None = None) -> None:
    """End a webhook: what waits is cancelled, and its address and secret are erased."""
    now = clock.now()
    with audit.transaction():
        active = Hook.objects.filter(pk=hook.pk, ended_at=None)
        if not active.update(
            ended_at=now, ended_by=ended_by, sealed_url="", sealed_secret="", paused_until=None
        ):
            return
        waiting = HookDelivery.objects.filter(hook=hook, status=HookDelivery.Status.WAITING)
        waiting.update(status=HookDelivery.Status.CANCELLED, ended_at=now, next_try_at=None)
        audit.record("hook.removed", by=by, facts=_facts(hook) | {"reason": ended_by})


@sensitive_variables()
def open_hook(hook: Hook) -> Opened:
    """Return the address and secret. What an earlier key sealed is sealed again. Raises Unreadable."""
    opened, is_current = unseal_hook(hook)
    if not is_current:
        sealed_url, sealed_secret = _seal(hook, opened)
        active = Hook.objects.filter(pk=hook.pk, ended_at=None)
        active.update(sealed_url=sealed_url, sealed_secret=sealed_secret)
    return opened


def reseal_hooks() -> None:
    """Encrypt what an earlier SECRET_KEY encrypted again with today's. A webhook that no key opens stays as it is."""
    for hook in Hook.objects.filter(ended_at=None).order_by("pk"):
        try:
            open_hook(hook)
        except Unreadable:
            log.error(
                "a webhook cannot be decrypted: SECRET_KEY has changed, and SECRET_KEY_FALLBACKS lacks the earlier key",
                extra={"hook": hook.public_id},
            )


@sensitive_variables()
def unseal_hook(hook: Hook) -> tuple[Opened, bool]:
    """Return the address and secret, and whether both are sealed under today's key. Raises Unreadable."""
    url, url_is_current = sealing.unseal(hook.sealed_url, context=f"url {hook.public_id}")
    secret, secret_is_current = sealing.unseal(hook.sealed_secret, context=f"secret {hook.public_id}")
    return Opened(url, secret), url_is_current and secret_is_current


def _seal(hook: Hook, opened: Opened) -> tuple[str, str]:
    return (
        sealing.seal(opened.url, context=f"url {hook.public_id}"),
        sealing.seal(opened.secret, context=f"secret {hook.public_id}"),
    )


def _facts(hook: Hook) -> dict[str, Any]:
    """What the audit log says of a webhook. Of its address only the host."""
    return {
        "hook": hook.public_id,
        "source": hook.source,
        "application": hook.application_id,
        "host": hook.host,
        "format": hook.format,
    }
