"""The mail to security about a stop: what Entra still needs, with the sign-in methods that were added in between.

The worker writes it (`stopped:<id>`), because it asks Microsoft. It runs after the stop, and again when the pass is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from django.utils.formats import date_format

from onboarding import audit, graph, i18n
from onboarding.jobs import job_handler
from onboarding.mail import notifications
from onboarding.models import AuditEvent, PassIssue, Starter
from onboarding.passes.reconciler.reading import spend_quota
from onboarding.stops.stopping import Way

# Every account has a password, and the portal deletes its own passes.
NOT_LISTED = frozenset({"password", "temporaryAccessPass"})


@job_handler("stopped")
def mail_security(starter_id: str) -> None:
    """Read the account's methods and write the mail. Without an answer, write it without the list, and try again."""
    starter = Starter.objects.get(pk=starter_id)
    if starter.stopped_at is None or starter.erased_at is not None:
        return
    try:
        methods = _read_methods(starter)
    except graph.GraphError:
        _write_mail(starter, None)
        raise
    _write_mail(starter, methods)


def _read_methods(starter: Starter) -> list[dict[str, str]] | None:
    """Return what was registered since the first pass; None if there is no account to ask about."""
    if not starter.account_id:
        return None
    with spend_quota(yields=False):
        try:
            found, _ = graph.client().read_methods(starter.account_id)
        except graph.NotFound:
            return None
    with i18n.default_language():
        return list(describe_methods(starter, found))


def describe_methods(starter: Starter, found: Iterable[graph.Method]) -> Iterator[dict[str, str]]:
    """Describe each method that was not there before the first pass, or has a later time of registration."""
    first: PassIssue | None = starter.issues.order_by("number").first()
    known = set(first.methods_before) if first else set()
    since = first.intended_at if first else starter.recorded_at
    for method in found:
        is_later = method.created_at is not None and method.created_at >= since
        if method.type not in NOT_LISTED and (method.method_id not in known or is_later):
            local = method.created_at.astimezone(starter.zone_info) if method.created_at else None
            yield {
                "type": method.type,
                "id": method.method_id,
                "at": date_format(local, "STAMP") if local else "",
            }


@audit.transaction()
def _write_mail(starter: Starter, methods: list[dict[str, str]] | None) -> None:
    key = hashlib.sha256(json.dumps(methods).encode()).hexdigest()[:16]
    by_name, is_former = _stopped_by(starter)
    notifications.write_stop_to_security(
        starter, by_name=by_name, is_former=is_former, methods=methods, key=key
    )


def _stopped_by(starter: Starter) -> tuple[str, bool]:
    """Return the name of the manager who stopped the starter, and whether their mail was about an earlier account.

    The name is empty if it was done with the stop code.
    """
    events = AuditEvent.objects.filter(starter=starter.public_id, event="starter.stopped")
    last = events.select_related("detail").order_by("seq").last()
    detail = getattr(last, "detail", None)
    is_former = last is not None and last.facts.get("way") == Way.FORMER_MAIL
    return str(detail.values.get("by_name", "")) if detail else "", is_former
