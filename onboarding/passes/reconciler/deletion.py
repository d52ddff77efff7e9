"""Deleting a pass at Microsoft, and reading the list afterwards: the list alone decides whether the pass is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from onboarding import audit, graph
from onboarding.jobs import JobPostponed
from onboarding.models import PassIssue
from onboarding.passes.recognition import is_ours
from onboarding.passes.reconciler.reading import list_passes, listed_by, spend_quota


@dataclass(frozen=True)
class DeletionResult:
    """The result of a deletion and of reading the list after it."""

    gone: bool
    deleted: bool = False  # Microsoft answered that it deleted the pass just now
    listed: bool = False  # the list still shows the pass


def delete_and_check(issue: PassIssue, now: datetime, *, settled: datetime) -> DeletionResult:
    """Delete the issue's pass, then read the list, which alone decides.

    If Microsoft confirmed the deletion, a list without the pass counts at once. Otherwise it counts from `settled` on:
    before that, "not listed" may mean "not listed yet". Raises the error of the deletion if the pass is still listed.
    """
    deleted, problem = False, None
    with spend_quota(2, yields=False):
        try:
            deleted = graph.client().delete_pass(issue.account_id, issue.method_id)
        except graph.Throttled:
            raise
        except graph.GraphError as error:  # the pass may be deleted all the same
            problem = error
        mine = next((live for live in list_passes(issue, now) if is_ours(issue, live)), None)
    if mine is None:
        return DeletionResult(gone=deleted or now >= settled, deleted=deleted)
    adopt_listed_id(issue, mine)
    if problem is not None:
        raise problem
    return DeletionResult(gone=False, deleted=deleted, listed=True)


def delete_unneeded_pass(issue: PassIssue, mine: graph.LivePass | None, now: datetime) -> None:
    """Delete a pass that is no longer needed, also one that is not listed yet."""
    if mine is None and now >= listed_by(issue):
        return
    if not delete_and_check(issue, now, settled=listed_by(issue)).gone:
        raise JobPostponed(5)


@audit.transaction()
def adopt_listed_id(issue: PassIssue, mine: graph.LivePass) -> None:
    """Take over the id under which the pass is listed, if Microsoft's answer named another."""
    if mine.method_id == issue.method_id:
        return
    facts = {"answered": issue.method_id, "method_id": mine.method_id}
    issue.method_id = mine.method_id
    PassIssue.objects.filter(pk=issue.pk).update(method_id=mine.method_id)
    audit.record("issue.listed_otherwise", starter=issue.starter, issue=issue, facts=facts)
