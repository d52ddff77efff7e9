"""Accounts: one by object id or name, its manager, and finding many."""

from __future__ import annotations

import re

from portal.sandbox.clock import graph_seconds
from portal.sandbox.graph import mailboxes
from portal.sandbox.graph.call import CONTEXT, Call, Page, Refusal, not_found, throttled
from portal.sandbox.graph.odata import advanced, filtered, searched, selected
from portal.sandbox.records import Account
from portal.sandbox.web import Json, Response, json_answer

READ = ("User.Read.All", "Directory.Read.All", "User.ReadWrite.All")
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


def read(call: Call, user: str) -> Response:
    call.allow(*READ)
    _spend_on_sign_in_activity(call)
    if mailboxes.is_named(call, user):
        return mailboxes.shown(call)
    account = call.account(user)
    return json_answer({"@odata.context": f"{CONTEXT}#users/$entity", **_shown(call, account)})


def manager(call: Call, user: str) -> Response:
    """404 is a normal state: nobody is recorded."""
    call.allow(*READ)
    _spend_on_sign_in_activity(call)
    account = call.account(user)
    found = call.tenant.manager_of(account)
    if found is None:
        raise not_found("manager")
    kind = {"@odata.context": f"{CONTEXT}#directoryObjects/$entity", "@odata.type": "#microsoft.graph.user"}
    return json_answer({**kind, **_shown(call, found)})


def search(call: Call) -> Response:
    call.allow(*READ)
    _spend_on_sign_in_activity(call)
    items = searched(call, filtered(call, [account.properties for account in call.tenant.existing()]))
    by_id = {account.id: account for account in call.tenant.existing()}
    shown = [_shown(call, by_id[item["id"]]) for item in items]
    # Without the header `$count` is ignored, not refused.
    return Page(call, "users", shown, counted=advanced(call) and "$count" in call.query).response()


def _shown(call: Call, account: Account) -> Json:
    properties = dict(account.properties)
    if not _asks_sign_in_activity(call):
        return selected(call, properties, DEFAULT)
    shown = selected(call, {**properties, SIGN_IN_ACTIVITY: _activity(account)}, DEFAULT)
    if shown[SIGN_IN_ACTIVITY] is None:  # absent for who never signed in
        del shown[SIGN_IN_ACTIVITY]
    return shown


def _asks_sign_in_activity(call: Call) -> bool:
    return SIGN_IN_ACTIVITY.lower() in re.split(r"[,\s]+", call.query.get("$select", "").lower())


def _spend_on_sign_in_activity(call: Call) -> None:
    """It has a limit of its own, and one property without permission refuses the whole request."""
    if not _asks_sign_in_activity(call):
        return
    throttled(call.tenant.throttle.sign_in_activity.wait())
    if "AuditLog.Read.All" not in call.roles:
        raise Refusal(
            403,
            "Authentication_MSGraphPermissionMissing",
            "The principal does not have required Microsoft Graph permission(s): AuditLog.Read.All.",
        )


def _activity(account: Account) -> Json | None:
    if account.last_sign_in is None:
        return None
    moment = graph_seconds(account.last_sign_in)
    return {
        "lastSignInDateTime": moment,
        "lastSignInRequestId": "00000000-0000-4000-8000-000000000000",
        "lastNonInteractiveSignInDateTime": moment,
        "lastSuccessfulSignInDateTime": moment,
    }
