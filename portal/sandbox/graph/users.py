"""Accounts: read one by object id or name, read its manager, list many."""

from __future__ import annotations

import re

from portal.sandbox.graph import mailboxes
from portal.sandbox.graph.call import CONTEXT, Call, Page, Refusal, not_found, refuse_if_throttled
from portal.sandbox.graph.odata import (
    filter_items,
    is_advanced_query,
    search_items,
    select_properties,
    unsupported_query,
)
from portal.sandbox.records import Account
from portal.sandbox.web import Json, Response, json_answer

READ = ("User.Read.All", "Directory.Read.All", "User.ReadWrite.All")
BLOCK = ("User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All")
# Whatever is not here must be asked for by name.
DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
)
SIGN_IN_ACTIVITY = "signInActivity"
LARGEST_WITH_SIGN_INS = 120  # accounts on a page that shows their sign-in activity


def read_user(call: Call, user: str) -> Response:
    call.require_any(*READ)
    _take_from_sign_in_limit(call)
    if mailboxes.is_shared_mailbox(call, user):
        return mailboxes.read_shared_mailbox(call)
    account = call.get_account(user)
    return json_answer({"@odata.context": f"{CONTEXT}#users/$entity", **_user_as_graph(call, account)})


def block_or_unblock(call: Call, user: str) -> Response:
    """Enable or disable an account, the only change of an account that the sandbox knows. Sessions stay."""
    call.require_any(*BLOCK)
    wanted = call.json()
    if set(wanted) != {"accountEnabled"} or not isinstance(wanted["accountEnabled"], bool):
        raise Refusal(400, "Request_BadRequest", "The sandbox changes accountEnabled only.")
    call.get_account(user).properties["accountEnabled"] = wanted["accountEnabled"]
    return Response(204)


def read_me(call: Call) -> Response:
    """The signed-in person. An application has none."""
    if not call.person:
        raise Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
    account = call.get_account(call.person)
    return json_answer({"@odata.context": f"{CONTEXT}#users/$entity", **_user_as_graph(call, account)})


def read_manager(call: Call, user: str) -> Response:
    """404 means that no manager is set."""
    call.require_any(*READ)
    _take_from_sign_in_limit(call)
    account = call.get_account(user)
    found = call.tenant.manager_of(account)
    if found is None:
        raise not_found("manager")
    kind = {"@odata.context": f"{CONTEXT}#directoryObjects/$entity", "@odata.type": "#microsoft.graph.user"}
    return json_answer({**kind, **_user_as_graph(call, found)})


def list_users(call: Call) -> Response:
    call.require_any(*READ)
    _take_from_sign_in_limit(call)
    if _asks_sign_in_activity(call) and not call.tenant.sign_in_lists:
        raise unsupported_query("Sign-in activity cannot be listed with this filter.")
    items = search_items(
        call, filter_items(call, [account.properties for account in call.tenant.existing_accounts()])
    )
    by_id = {account.id: account for account in call.tenant.existing_accounts()}
    shown = [_user_as_graph(call, by_id[item["id"]]) for item in items]
    # Without the header `$count` is ignored, not refused.
    return Page(
        call,
        "users",
        shown,
        counted=is_advanced_query(call) and "$count" in call.query,
        largest=LARGEST_WITH_SIGN_INS if _asks_sign_in_activity(call) else 999,
        shortest_page=call.tenant.list_page,
    ).response()


def _user_as_graph(call: Call, account: Account) -> Json:
    properties = dict(account.properties)
    if not _asks_sign_in_activity(call):
        return select_properties(call, properties, DEFAULT)
    shown = select_properties(call, {**properties, SIGN_IN_ACTIVITY: account.shown_sign_in_activity}, DEFAULT)
    if shown[SIGN_IN_ACTIVITY] is None:  # absent for an account without sign-ins
        del shown[SIGN_IN_ACTIVITY]
    return shown


def _asks_sign_in_activity(call: Call) -> bool:
    return SIGN_IN_ACTIVITY.lower() in re.split(r"[,\s]+", call.query.get("$select", "").lower())


def _take_from_sign_in_limit(call: Call) -> None:
    """It has a limit of its own, and one property without permission refuses the whole request."""
    if not _asks_sign_in_activity(call):
        return
    refuse_if_throttled(call.tenant.throttle.sign_in_activity.take_slot())
    if "AuditLog.Read.All" not in call.roles:
        raise Refusal(
            403,
            "Authentication_MSGraphPermissionMissing",
            "The principal does not have required Microsoft Graph permission(s): AuditLog.Read.All.",
        )
