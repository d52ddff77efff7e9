"""Who may: HR, admins, auditors, and this starter's manager. Whatever is not allowed here is denied."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from onboarding import graph, in_charge
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
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_record(request.user):
            raise PermissionDenied("This page is for HR.")
        return view(request, *args, **kwargs)

    return checked


class CannotTell(Exception):
    """The directory was not asked or does not answer, so nobody can say whether this is the manager. Only for who
    last was. `crowded` where too many are waiting for it already."""

    def __init__(self, *, crowded: bool) -> None:
        super().__init__("crowded" if crowded else "no answer")
        self.crowded = crowded


def starter_of_manager(
    user: Any, public_id: str, *, guarded: bool = False, with_facts: bool = False
) -> Starter:
    """The starter, if this person is their manager in the directory now, or stands in for the manager as HR routed it.

    Raises Http404 for everybody else, just as for a starter that does not exist; CannotTell when the directory
    does not answer and this was the manager when it last did.

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
        if starter.in_charge_id != user.oid:
            raise Http404
        return starter
    if guarded and starter.in_charge_id == user.oid:
        return starter
    try:
        manager = _in_charge_now(starter, with_facts)
    except graph.NotFound:
        raise Http404 from None
    except graph.GraphError as error:
        if starter.in_charge_id != user.oid:
            raise Http404 from None
        log.warning("whether somebody is the manager cannot be told: %s", error)
        raise CannotTell(crowded=isinstance(error, graph.Crowded)) from None
    if manager is None or manager.object_id != user.oid:
        raise Http404
    return starter


def _in_charge_now(starter: Starter, with_facts: bool) -> graph.Manager | None:
    """Who may confirm by what the directory says. Raises NotFound, GraphError."""
    if with_facts and starter.state == StarterState.INVITED and starter.open_issue() is None:
        try:
            facts = graph.client().issue_facts(starter.account_id, scarce=False, above=starter.stand_in_for)
        except (graph.NotFound, graph.Crowded):  # who asked in vain for a place does not ask for another
            raise
        except graph.GraphError:
            pass  # the page can do without: the guards are asked again, all of them, at the press
        else:
            starter.facts = facts
            return in_charge.of(starter, facts.manager, facts.above)
    if starter.is_routed:
        return in_charge.of(starter, *graph.client().read_managers(starter.account_id, starter.stand_in_for))
    return graph.client().read_manager(starter.account_id)
