"""Who may: HR, admins, auditors, and this starter's manager. Whatever is not allowed here is denied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from onboarding import clock, confirmer, graph, participants, policy
from onboarding.lifecycle import StarterState
from onboarding.models import Starter

View = Callable[..., HttpResponse]

log = logging.getLogger(__name__)


def may_record(user: Any) -> bool:
    """HR sees and records all starters. An admin is not HR unless they hold that role as well."""
    return bool(getattr(user, "is_hr", False))


def hr_only(view: View) -> View:
    """Close a view to everybody but HR."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_record(request.user):
            raise PermissionDenied("This page is for HR.")
        return view(request, *args, **kwargs)

    return wrapper


class CannotTell(Exception):
    """The directory was not asked or does not answer, so nobody can say whether this is the manager. Only for who
    last was. `crowded` where too many are waiting for it already."""

    def __init__(self, *, crowded: bool) -> None:
        super().__init__("crowded" if crowded else "no answer")
        self.crowded = crowded


class AccountGone(Http404):
    """The directory no longer has the account of a starter whose manager this person was when it was last read.

    Where nobody handles it, it is as for a starter that does not exist.
    """

    def __init__(self, starter: Starter) -> None:
        super().__init__("the account is gone")
        self.starter = starter


def starter_of_manager(
    user: Any, public_id: str, *, guarded: bool = False, with_facts: bool = False
) -> Starter:
    """Return the starter if this person is their manager in Entra now, or the stand-in that HR assigned.

    Raises Http404 for everybody else, just as for a starter that does not exist. For who was the manager when the
    directory last answered: CannotTell when it does not answer now, AccountGone when it no longer has the account.

    `guarded` says that the guards will ask the directory themselves in a moment: then whoever was the manager
    when it was last read need not be asked for twice. `with_facts` reads what the guards can be asked beforehand in
    the same round trip, where the page may offer a pass; it stands in `starter.facts`.
    """
    starters = Starter.objects.select_related("recorded_by")
    if with_facts:  # to look at: nothing is decided by what is read here
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
    """Ask for the account itself: to the question for its manager, 404 can also mean that it has none."""
    try:
        graph.client().look_up(starter.account_id)
    except graph.NotFound:
        return True
    except graph.GraphError:
        return False
    return False


def _read_confirmer(starter: Starter, with_facts: bool) -> graph.Manager | None:
    """Who may confirm by what the directory says. Raises NotFound, GraphError."""
    if with_facts and starter.state == StarterState.INVITED and starter.open_issue() is None:
        try:
            facts = participants.read_facts(starter, policy.for_starter(starter), clock.now())
        except graph.Overloaded:  # who asked in vain for a place does not ask for another
            raise
        except graph.GraphError:
            pass  # the page can do without: the guards are asked again at the click. One 404 is no proof either
        else:
            starter.facts = facts
            return confirmer.find_confirmer(starter, facts.manager, facts.above)
    if starter.has_stand_in:
        return confirmer.find_confirmer(
            starter, *graph.client().read_managers(starter.account_id, starter.stand_in_for)
        )
    return graph.client().read_manager(starter.account_id)
