"""Permissions of HR, admins, auditors, and a starter's manager. Everything that is not allowed here is denied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase

from onboarding import clock, confirmer, graph, participants, policy
from onboarding.lifecycle import StarterState
from onboarding.models import AuditEvent, Mail, Starter

View = Callable[..., HttpResponseBase]

log = logging.getLogger(__name__)


def may_record(user: Any) -> bool:
    """Return whether the user is in HR, who can see and add all starters. Admins need the HR role too."""
    return bool(getattr(user, "is_hr", False))


def may_audit(user: Any) -> bool:
    """Return whether the user is an auditor, who can read the audit log with its names. Admins need that role too."""
    return bool(getattr(user, "is_auditor", False))


def auditor_only(view: View) -> View:
    """Allow only auditors to open the view."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_audit(request.user):
            raise PermissionDenied("This page is for auditors.")
        return view(request, *args, **kwargs)

    return wrapper


def hr_only(view: View) -> View:
    """Allow only HR to open the view."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_record(request.user):
            raise PermissionDenied("This page is for HR.")
        if request.method not in {"GET", "HEAD"}:  # an act reads the policy again, in its transaction
            return view(request, *args, **kwargs)
        with policy.read_once():
            return view(request, *args, **kwargs)

    return wrapper


def answers_unchecked(*methods: str) -> Callable[[View], View]:
    """Let these methods of a view work although Entra has not confirmed the person in the last minutes.

    The session then has no proof of a recent sign-in: what needs one is refused by the view itself.
    """

    def mark(view: View) -> View:
        view.unchecked_methods = frozenset(methods)  # type: ignore[attr-defined]
        return view

    return mark


class CannotTell(Exception):
    """The portal cannot read now whether this person, the manager at the last check, is still the manager.

    `crowded` says that the portal did not ask Graph because too many requests wait; else Graph does not answer.
    """

    def __init__(self, *, crowded: bool) -> None:
        super().__init__("crowded" if crowded else "no answer")
        self.crowded = crowded


class AccountGone(Http404):
    """The account of this starter no longer exists. The person was the starter's manager at the last check.

    If nobody handles this, it is a 404, as for a starter that does not exist.
    """

    def __init__(self, starter: Starter) -> None:
        super().__init__("the account is gone")
        self.starter = starter


def starter_of_manager(
    user: Any, public_id: str, *, guarded: bool = False, with_facts: bool = False
) -> Starter:
    """Return the starter if this person is their manager in Entra now, or the stand-in that HR assigned.

    Raises Http404 for everybody else, as for a starter that does not exist. For the manager at the last check, raises
    CannotTell if the directory does not answer now, and AccountGone if it no longer has the account.

    `guarded` says that the guards will soon read the manager themselves, so the manager at the last check is not read
    again here. `with_facts` reads the facts for the guards in the same round trip, if the page may offer a pass, and
    stores them in `starter.facts`.
    """
    starters = Starter.objects.select_related("recorded_by")
    if with_facts:  # for display only: no decision uses these rows
        starters = starters.prefetch_related("issues")
    starter = starters.filter(public_id=public_id).first()
    if starter is None or not starter.account_id:
        raise Http404
    if not starter.is_unfinished:
        if starter.confirmer_id != user.oid:
            raise Http404
        return starter
    if guarded and starter.confirmer_id == user.oid:
        return starter
    _require_manager_now(user, starter, with_facts=with_facts)
    return starter


# So long after a mail to a manager, that person can use its link "That was not me".
MAIL_LINK_VALID_FOR = timedelta(days=30)


def starter_of_mail_reader(user: Any, public_id: str) -> Starter:
    """Return the starter if this person got a mail about it as one of its managers or stand-in, now or before.

    Raises Http404 for everybody else, as for a starter that does not exist. It asks nobody: a stop must work while Entra
    does not respond, and for a person who is no longer the manager. Show them nothing unless `may_know_account`.
    """
    starter = Starter.objects.filter(public_id=public_id, erased_at=None).first()
    if starter is None or not user.oid or not _recent_mails(starter, user.oid).exists():
        raise Http404
    return starter


def may_know_account(starter: Starter, user: Any) -> bool:
    """Return whether this person got a recent mail about the account that the starter has now.

    Somebody whose mails are older, because HR chose another account, must learn nothing about that account.
    """
    replaced = AuditEvent.objects.filter(starter=starter.public_id, event="starter.account_replaced")
    mails = _recent_mails(starter, user.oid)
    if last := replaced.order_by("seq").last():
        mails = mails.filter(written_at__gt=datetime.fromisoformat(last.at)).exclude(kind="account_replaced")
    return mails.exists()


def _recent_mails(starter: Starter, reader_id: str) -> QuerySet[Mail]:
    """The mails of the last days to this reader, also about an account before. A mail that waits counts as sent now."""
    since = clock.now() - MAIL_LINK_VALID_FOR
    kept = Q(dropped_at=None)
    if starter.stopped_at is not None:  # a stop drops what waits, and its page must stay open
        kept |= Q(dropped_at__gte=starter.stopped_at)
    theirs = starter.mails.filter(kept, reader_id=reader_id, recipient__in=Mail.TO_MANAGERS)
    return theirs.filter(Q(sent_at__gt=since) | Q(sent_at=None, written_at__gt=since))


def _require_manager_now(user: Any, starter: Starter, *, with_facts: bool) -> None:
    """Ask the directory. Raises Http404, CannotTell, AccountGone."""
    was_manager = starter.confirmer_id == user.oid
    try:
        manager = _read_confirmer(starter, with_facts)
    except graph.NotFound:
        manager = None
    except graph.GraphError as error:
        if not was_manager:
            raise Http404 from None
        log.warning("could not check the manager: %s", error)
        raise CannotTell(crowded=isinstance(error, graph.Overloaded)) from None
    if manager is None and was_manager and _is_gone(starter):
        raise AccountGone(starter)
    if manager is None or manager.object_id != user.oid:
        raise Http404


def _is_gone(starter: Starter) -> bool:
    """Read the account itself: a 404 for its manager can also mean that it has no manager."""
    try:
        graph.client().look_up(starter.account_id)
    except graph.NotFound:
        return True
    except graph.GraphError:
        return False
    return False


def _read_confirmer(starter: Starter, with_facts: bool) -> graph.Manager | None:
    """Return the confirmer by the directory, with the facts if asked for. Raises NotFound, GraphError."""
    if with_facts and starter.state == StarterState.INVITED and starter.open_issue() is None:
        try:
            facts = participants.read_facts(starter, policy.for_starter(starter), clock.now())
        except graph.Overloaded:  # a request that got no slot does not ask for another
            raise
        except graph.GraphError:
            pass  # the page can do without: the click evaluates the guards again. One 404 is no proof either
        else:
            starter.facts = facts
            return confirmer.find_confirmer(starter, facts.manager, facts.above)
    if starter.has_stand_in:
        return confirmer.find_confirmer(
            starter, *graph.client().read_managers(starter.account_id, starter.stand_in_for)
        )
    return graph.client().read_manager(starter.account_id)
