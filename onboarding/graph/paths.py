"""The paths of all requests to Graph, with the fields of an account and all queries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from urllib.parse import quote

from onboarding.graph import parsing
from onboarding.graph.errors import NotFound
from onboarding.graph.responses import GUID

PERSON = (
    "id,userPrincipalName,displayName,mail,accountEnabled,userType,creationType,externalUserState,employeeId"
)
ACCOUNT = f"{PERSON},jobTitle,department,employeeHireDate,createdDateTime,isManagementRestricted"
SIGN_INS = "id,signInActivity"
# Entra's rules for a user principal name. It becomes part of a path, so anything else is never sent.
USER_PRINCIPAL_NAME = re.compile(r"[A-Za-z0-9'._!#^~$&+=-]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]{0,250}")
WIDEST = "999"
ELIGIBLE_GROUPS = "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"
PASS_POLICY = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"  # noqa: S105 (an address)
NUMBERS_AT_ONCE = 15  # people in one `id in (…)`, the most that Graph accepts
MOST_NUMBERS = 45  # people whose employee numbers are read with the facts: three parts of a batch


def build_path(path: str, **options: str) -> str:
    """Return the path with OData options, such as `select` for `$select`."""
    query = "&".join(f"${name}={quote(value, safe=',')}" for name, value in options.items())
    return f"{path}?{query}"


def user_path(object_id: str) -> str:
    """Return the path of an account. Raises ValueError if this is not an object id."""
    if not GUID.fullmatch(object_id.lower()):
        raise ValueError("This is not an object id.")
    return f"/users/{object_id.lower()}"


def lookup_path(name: str) -> str:
    """Return the path of an account by user principal name or object id. Raises NotFound if it can be neither."""
    if GUID.fullmatch(name.lower()):
        return user_path(name)
    if not USER_PRINCIPAL_NAME.fullmatch(name):
        raise NotFound("This is neither a user principal name nor an object id.", status=404)
    if name.startswith("$"):  # Graph would read it as a query option
        return "/users('{}')".format(quote(name.replace("'", "''"), safe=""))
    return f"/users/{quote(name, safe='@')}"


def identity_paths(user: str) -> dict[str, str]:
    """Return the paths of an account and of its manager."""
    return {
        "account": build_path(user, select=ACCOUNT),
        "manager": build_path(f"{user}/manager", select=PERSON),
    }


def deciding_paths(object_id: str) -> dict[str, str]:
    """Return the paths of all facts about one account that every check for a pass needs."""
    return identity_paths(user_path(object_id)) | privilege_paths(object_id)


def privilege_paths(object_id: str) -> dict[str, str]:
    """Return the same paths without those of the account and of its manager."""
    user, own = user_path(object_id), f"principalId eq '{object_id.lower()}'"
    membership = f"{user}/transitiveMemberOf/microsoft.graph"
    directory = "/roleManagement/directory"
    group = {"count": "true", "select": "id,displayName,isAssignableToRole", "top": WIDEST}
    return {
        "roles": build_path(f"{membership}.directoryRole", count="true", select="id,roleTemplateId"),
        "groups": build_path(f"{membership}.group", **group),
        "owned": build_path(f"{user}/ownedObjects/microsoft.graph.group", **group),
        "assignments": build_path(f"{directory}/roleAssignments", filter=own),
        "eligible": build_path(f"{directory}/roleEligibilityScheduleInstances", filter=own),
        "eligible_groups": build_path(ELIGIBLE_GROUPS, filter=own),
    }


def passes_path(object_id: str) -> str:
    """Return the path of the account's passes."""
    return f"{user_path(object_id)}/authentication/temporaryAccessPassMethods"


def mail_owner_path(address: str) -> str:
    """Return the path that finds the accounts with a mail address."""
    quoted = address.replace("'", "''")
    either = f"mail eq '{quoted}' or proxyAddresses/any(p:p eq 'smtp:{quoted}')"
    return build_path("/users", filter=either, select="id,userPrincipalName,displayName")


def employee_number_paths(people: Sequence[str]) -> dict[str, str]:
    """Return the paths of these people's employee numbers, fifteen people in each."""
    ids = [person.lower() for person in dict.fromkeys(people) if GUID.fullmatch(person.lower())][
        :MOST_NUMBERS
    ]
    return {
        f"{parsing.PEOPLE}{number}": build_path(
            "/users",
            select="id,employeeId",
            filter="id in ({})".format(",".join(f"'{object_id}'" for object_id in some)),
        )
        for number, some in enumerate(split_into_batches(ids, NUMBERS_AT_ONCE))
    }


def split_into_batches(names: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Do the same as `itertools.batched`, which needs Python 3.12."""
    rest = iter(names)
    while some := tuple(islice(rest, size)):
        yield some
