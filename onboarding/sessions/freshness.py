"""Sensitive acts of HR and admins need a recent sign-in and an enabled account. It is checked where the act happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from onboarding import clock, graph, policy
from onboarding.errors import OnboardingError
from onboarding.models import Starter

CLOCK_DIFFERENCE = timedelta(minutes=2)


class SignInNotFresh(Exception):
    """The person signed in too long ago for this act. The site asks for a new sign-in, and keeps what was typed."""

    needs_fresh_sign_in = True  # the site recognises it by this


class ActorDisabled(OnboardingError):
    """Entra no longer says that the account of the person who acts is enabled."""

    message = _(
        "Nothing was changed, because Microsoft Entra does not confirm that your account is enabled. Ask "
        "IT to check your account."
    )


def require_fresh_sign_in(by: Any, starter: Starter | None = None) -> None:
    """Raise SignInNotFresh unless the person signed in within the policy's `sign_in_minutes`.

    A system that acts over the API has no session: its token is checked at each request.
    """
    if not _is_user(by):
        return
    rules = policy.for_starter(starter) if starter else policy.for_site()
    signed_in_at = by.signed_in_at
    if signed_in_at is None or not (
        -CLOCK_DIFFERENCE <= clock.now() - signed_in_at <= timedelta(minutes=rules.sign_in_minutes)
    ):
        raise SignInNotFresh


def require_enabled_account(by: Any) -> None:
    """Raise ActorDisabled unless Entra says now that the person's account is enabled. Raises GraphError.

    Call it outside a transaction. The manager's account is read for each pass: see the guard `manager_enabled`.
    """
    if not _is_user(by):
        return
    try:
        account, _manager = graph.client().look_up(by.oid)
    except graph.NotFound:
        raise ActorDisabled from None
    if account.enabled is not True:
        raise ActorDisabled


def _is_user(by: Any) -> bool:
    return isinstance(by, get_user_model())
