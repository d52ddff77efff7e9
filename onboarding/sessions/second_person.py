"""The second admin for a draft of the policy is another person: another account, and another employee number."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext

from onboarding import graph, policy
from onboarding.models import PolicyVersion
from onboarding.participants import Identity


def activate_version(number: int, *, by: Any) -> PolicyVersion:
    """Activate a draft as its second admin. Raises CannotActivate.

    Employee numbers are compared where Entra has both. If Entra does not answer, nobody can activate.
    """
    version = PolicyVersion.objects.drafts().select_related("created_by").filter(pk=number).first()
    if version is not None and version.created_by is not None:
        _require_other_person(version.created_by.oid, by.oid)
    return policy.activate_version(number, by=by)


def are_two_people(first: str, second: str) -> bool:
    """Compare object ids, and the employee numbers where Entra has both. Raises GraphError."""
    numbers = graph.client().read_employee_numbers([first, second])
    one, other = (Identity(object_id, numbers.get(object_id, "")) for object_id in (first, second))
    return not one.is_same_person(other)


def _require_other_person(author: str, activator: str) -> None:
    try:
        is_another = are_two_people(author, activator)
    except graph.GraphError:
        raise policy.CannotActivate(
            gettext(
                "Nothing was changed, because the portal could not check in Entra that you and the author "
                "of this version are different people. Try again."
            )
        ) from None
    if not is_another:
        raise policy.CannotActivate(
            gettext(
                "You and the author of this version have the same employee number, so you count as one "
                "person. Another admin must activate the version."
            )
            if author != activator
            else gettext("You wrote this version. Another admin must activate it.")
        )
