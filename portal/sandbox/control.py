"""The control API, for tests and experiments: read the state, order faults, change objects, reset.

GET  /_control/state      people, live and past passes (never a code), policy, permissions, waiting faults
GET  /_control/requests   what was asked, in order, and how it was answered; never a body
GET  /_control/mail       the messages that were accepted
POST /_control/faults     a list of faults; `faults.py` names their parts
POST /_control/reset      start over
POST /_control/change     one object, with any of the keys of CHANGES below
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from portal.sandbox.audit_log import PASS, REGISTERED_BY_ADMIN, REGISTERED_BY_USER
from portal.sandbox.clock import graph_time, parse_time
from portal.sandbox.entra.assertions import projected_token
from portal.sandbox.identity import PIPELINE_CLIENT_ID, administrator_token
from portal.sandbox.methods import new_method
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.records import Account, Pass
from portal.sandbox.resources import AUDIENCE as AZURE_RESOURCE
from portal.sandbox.resources import SUBSCRIPTION_ID
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import certificate_thumbprints
from portal.sandbox.web import Json, Request, Response, json_answer

OWN_FIELDS = {
    "manager",
    "app_roles",
    "directory_roles",
    "eligible_roles",
    "groups",
    "owned_groups",
    "methods",
    "exists",
    "home_tenant",
}


MOMENTS = {"last_sign_in", "last_attempt"}
SIGN_IN_TIMES = {
    "lastSignInDateTime",
    "lastSignInRequestId",
    "lastNonInteractiveSignInDateTime",
    "lastNonInteractiveSignInRequestId",
    "lastSuccessfulSignInDateTime",
    "lastSuccessfulSignInRequestId",
}


def answer_control(tenant: Tenant, request: Request) -> Response:
    handler = HANDLERS.get((request.method, request.path.removeprefix("/_control/")))
    if handler is None:
        return json_answer({"error": "Unknown control."}, 404)
    try:
        with tenant.lock:
            payload = handler(tenant, request)
            if request.method == "POST":
                tenant.save()
    except (ValueError, KeyError, TypeError) as mistake:
        return json_answer({"error": f"{type(mistake).__name__}: {mistake}"}, 400)
    return json_answer(payload)


# --- Reading ----------------------------------------------------------------------------------------------


def _describe_state(tenant: Tenant, _request: Request) -> Json:
    return {
        "people": {key: _describe_person(tenant, account) for key, account in tenant.accounts.items()},
        "passes": [_describe_pass(tenant, found) for found in tenant.passes if not found.ended],
        "past_passes": [_describe_pass(tenant, found) for found in tenant.passes if found.ended],
        "policy": tenant.policy,
        "permissions": sorted(tenant.granted),
        "registrations": tenant.registrations.as_document(),
        "second_post": tenant.second_post,
        "contexts": tenant.contexts,
        "tap_limit": tenant.throttle.limit,
        "sign_in_limit": tenant.throttle.sign_in_activity.limit,
        "sign_in_lists": tenant.sign_in_lists,
        "list_page": tenant.list_page,
        "log_delay": tenant.audit_log.delay,
        "clock_ahead": tenant.clock.ahead,
        "faults": tenant.faults.describe(),
        "mails": len(tenant.mails),
    }


def _describe_person(tenant: Tenant, account: Account) -> Json:
    moments = {name: getattr(account, name) for name in MOMENTS}
    return {
        **{name: value for name, value in asdict(account).items() if name != "key"},
        **{name: None if moment is None else graph_time(moment) for name, moment in moments.items()},
        "signInActivity": account.shown_sign_in_activity,
        "pass_id": found.id if (found := tenant.pass_of(account)) else None,
    }


def _describe_pass(tenant: Tenant, found: Pass) -> Json:
    reason = tenant.unusable_because(found)
    return {
        "id": found.id,
        "person": found.person,
        "created": graph_time(found.created),
        "start": graph_time(found.start),
        "lifetime": found.lifetime,
        "once": found.once,
        "usable": reason is None and not found.ended,
        "reason": found.ended or reason or "EnabledByPolicy",
        "used": None if found.used is None else graph_time(found.used),
        "client_request_id": found.client_request_id,
    }


def _list_requests(tenant: Tenant, _request: Request) -> list[Json]:
    return list(tenant.requests)


def _list_mail(tenant: Tenant, _request: Request) -> list[Json]:
    return [asdict(mail) for mail in tenant.mails]


# --- Changing -----------------------------------------------------------------------------------------------


def _add_faults(tenant: Tenant, request: Request) -> Json:
    tenant.faults.add(request.json())
    return {"faults": tenant.faults.describe()}


def _reset_tenant(tenant: Tenant, _request: Request) -> Json:
    tenant.reset()
    return {"reset": True}


def _apply_changes(tenant: Tenant, request: Request) -> Json:
    wanted = request.json()
    if not isinstance(wanted, dict) or not wanted:
        raise ValueError("The body must be an object with the changes.")
    unknown = set(wanted) - set(CHANGES) - {"set", "type", "fields", "created", "as", "by", "activity"}
    if unknown:
        raise ValueError(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(CHANGES))}.")
    answers: Json = {}
    for name, change in CHANGES.items():
        if name in wanted:
            answers[name] = change(tenant, wanted[name], wanted)
    return answers


def change_person(tenant: Tenant, key: str, wanted: Json) -> str:
    """`set` names Graph's properties, or manager (a key), methods, groups, roles, last_sign_in, last_attempt, exists.

    `signInActivity` is an object with Graph's names, shown exactly as it is given: each time may be set, null or left
    out. Null removes it: then it follows from last_sign_in and last_attempt, as Microsoft would write it.
    """
    account = tenant.accounts[key]
    for name, value in wanted["set"].items():
        if name in MOMENTS:
            setattr(account, name, None if value is None else parse_time(value))
        elif name == "signInActivity":
            account.sign_in_activity = _checked_activity(value)
        elif name in OWN_FIELDS:
            setattr(account, name, value)
        elif name in account.properties:
            account.properties[name] = value
        else:
            raise ValueError(f"{name} is not a property of a person.")
    return account.id


def _checked_activity(value: Any) -> Json | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= SIGN_IN_TIMES:
        raise ValueError(f"signInActivity has {', '.join(sorted(SIGN_IN_TIMES))}.")
    return value


def _add_starters(tenant: Tenant, newcomers: list[Json], _wanted: Json) -> list[str]:
    """`[{"key": …, "name": "First Last", "manager": key}]`: adds starters, for long lists and load tests."""
    return [tenant.add_starter(**newcomer).id for newcomer in newcomers]


def _register_method(tenant: Tenant, key: str, wanted: Json) -> Json:
    """`{"method": key, "type": "phone", "fields": {…}, "created": false}`: registers it now, as Graph would list it.

    `"created": false` leaves out the time of registration. Any type can be played, also one that does not exist yet.
    """
    created = tenant.clock.now() if wanted.get("created", True) else None
    registered = new_method(str(wanted["type"]), created, **wanted.get("fields", {}))
    tenant.accounts[key].methods.append(registered)
    return registered


def _create_expected_account(tenant: Tenant, key: str, _wanted: Json) -> str:
    tenant.create_expected_account(key)
    return tenant.accounts[key].id


def _grant_permissions(tenant: Tenant, names: list[str], _wanted: Json) -> list[str]:
    """The next token contains them, as in Entra. `{"tokens": "expire"}` forces a new token at once."""
    tenant.granted.update(names)
    return sorted(tenant.granted)


def _revoke_permissions(tenant: Tenant, names: list[str], _wanted: Json) -> list[str]:
    tenant.granted.difference_update(names)
    return sorted(tenant.granted)


def _change_policy(tenant: Tenant, values: Json, _wanted: Json) -> Json:
    if not set(values) <= set(tenant.policy):
        raise ValueError(f"The policy has only {', '.join(sorted(tenant.policy))}.")
    tenant.policy.update(values)
    return dict(tenant.policy)


def _set_second_post(tenant: Tenant, behaviour: str, _wanted: Json) -> str:
    if behaviour not in ("replace", "refuse"):
        raise ValueError("second_post is replace or refuse.")
    tenant.second_post = behaviour
    return behaviour


def _set_pass_limit(tenant: Tenant, limit: list[float] | None, _wanted: Json) -> Any:
    tenant.limit_passes(None if limit is None else (int(limit[0]), float(limit[1])))
    return limit


def _set_sign_in_limit(tenant: Tenant, limit: list[float] | None, _wanted: Json) -> Any:
    """`[10, 60]`: so many reads of sign-in activity in so many seconds; null: no limit."""
    tenant.limit_sign_in_activity(None if limit is None else (int(limit[0]), float(limit[1])))
    return limit


def _allow_sign_in_lists(tenant: Tenant, allowed: bool, _wanted: Json) -> bool:
    """`false`: a tenant that refuses to list the sign-in activity of several accounts."""
    if not isinstance(allowed, bool):
        raise ValueError("sign_in_lists is true or false.")
    tenant.sign_in_lists = allowed
    return allowed


def _set_page_size(tenant: Tenant, size: int | None, _wanted: Json) -> Any:
    """At most so many accounts on a page of a list, however many were asked for; null: as many as Graph gives."""
    tenant.list_page = None if size is None else max(1, int(size))
    return tenant.list_page


def _set_log_delay(tenant: Tenant, seconds: float, _wanted: Json) -> float:
    """From now on Entra's audit log shows an entry so many seconds after it happened."""
    tenant.audit_log.delay = float(seconds)
    return tenant.audit_log.delay


def _log_pass(tenant: Tenant, key: str, wanted: Json) -> Json:
    """`{"log_pass": key, "by": key or "portal", "activity": …}`: Entra's audit log says that this account got a pass.

    `by` can also be any object id: of an application that is not known here.
    """
    by = str(wanted.get("by", "portal"))
    doer = tenant.accounts[by].id if by in tenant.accounts else by
    activity = str(wanted.get("activity", REGISTERED_BY_ADMIN))
    who = "User" if activity == REGISTERED_BY_USER else "Admin"
    entry = tenant.log_activity(
        activity,
        f"{who} registered {PASS} method for user",
        tenant.accounts[key],
        by=tenant.options.portal_principal_id if by == "portal" else doer,
    )
    return entry.as_graph()


def _expire_tokens(tenant: Tenant, word: str, _wanted: Json) -> str:
    if word != "expire":
        raise ValueError("tokens can only expire.")
    tenant.expire_tokens()
    return word


def _set_token_lifetime(tenant: Tenant, seconds: int, _wanted: Json) -> int:
    tenant.token_lifetime = int(seconds)
    return tenant.token_lifetime


def _replace_signing_key(tenant: Tenant, word: str, _wanted: Json) -> str:
    if word != "roll":
        raise ValueError("signing_key can only roll.")
    tenant.keys.replace_key()
    return tenant.keys.key_id


def _change_id_tokens(tenant: Tenant, changes: Json, _wanted: Json) -> Json:
    """`{"set": {claims}, "remove": [names], "signature": "none"|"foreign"|"unknown key"}`; `{}` ends it."""
    if not set(changes) <= {"set", "remove", "signature"}:
        raise ValueError("id_token has set, remove and signature.")
    tenant.id_token_changes = changes
    return changes


def _set_contexts(tenant: Tenant, met: dict[str, list[str]], _wanted: Json) -> Json:
    """`{"c1": [keys]}`: the people who meet the policy of a context. A context without a policy is granted to everybody.

    To have the token say otherwise, or say it as text: `{"id_token": {"set": {"acrs": "c1"}}}`.
    """
    if not isinstance(met, dict) or not {key for keys in met.values() for key in keys} <= set(
        tenant.accounts
    ):
        raise ValueError("contexts is an object: for each context a list of people's keys.")
    tenant.contexts = met
    return met


def _require_interaction(tenant: Tenant, keys: list[str], _wanted: Json) -> list[str]:
    """The people that need more than single sign-on by a Conditional Access policy: `prompt=none` fails for them."""
    if not set(keys) <= set(tenant.accounts):
        raise ValueError("interaction is a list of people's keys.")
    tenant.interaction = list(keys)
    return tenant.interaction


def _end_sign_ins(tenant: Tenant, keys: list[str], _wanted: Json) -> list[str]:
    """End these people's sessions at Entra, as `revokeSignInSessions` does."""
    for key in keys:
        tenant.sessions.end_for(key)
    return keys


def _register_certificate(tenant: Tenant, pem: str, _wanted: Json) -> Json:
    names = certificate_thumbprints(pem)
    tenant.certificates.append(pem)
    return names


def _set_clock_ahead(tenant: Tenant, seconds: float, _wanted: Json) -> float:
    tenant.clock.ahead = float(seconds)
    return tenant.clock.ahead


def _undo_set_up(tenant: Tenant, done: bool, _wanted: Json) -> bool:
    """`false`: the tenant is not set up for the portal."""
    if done is not False:
        raise ValueError("set_up can only be undone: false.")
    tenant.undo_set_up()
    return done


def _administrator_tokens(tenant: Tenant, permissions: list[str], wanted: Json) -> Json:
    """Tokens with these Graph permissions, one for Graph and one for Azure.

    They are for the person whose key is in `as`, or for a pipeline. `user` is what the Azure CLI shows.
    """
    person = tenant.accounts[wanted["as"]] if "as" in wanted else None
    return {
        "graph": administrator_token(tenant, GRAPH_RESOURCE, permissions, person),
        "azure": administrator_token(tenant, AZURE_RESOURCE, [], person),
        "subscription": SUBSCRIPTION_ID,
        "user": {"name": person.user_principal_name, "type": "user"}
        if person
        else {"name": PIPELINE_CLIENT_ID, "type": "servicePrincipal"},
    }


def _resume_callers(tenant: Tenant, _word: bool, _wanted: Json) -> int:
    """`true` resumes all processes that a fault stopped. Returns their number."""
    return tenant.faults.resume()


def _end_faults(tenant: Tenant, done: bool, _wanted: Json) -> bool:
    """`true` ends all faults: none applies any more, and delayed requests continue at once."""
    if done is not True:
        raise ValueError("end_faults takes true.")
    tenant.faults.end_all()
    return done


def _make_projected_token(tenant: Tenant, seconds: int, _wanted: Json) -> str:
    return projected_token(tenant, int(seconds))


CHANGES: dict[str, Callable[[Tenant, Any, Json], Any]] = {
    "person": change_person,
    "add": _add_starters,
    "appear": _create_expected_account,
    "method": _register_method,
    "grant": _grant_permissions,
    "revoke": _revoke_permissions,
    "policy": _change_policy,
    "second_post": _set_second_post,
    "tap_limit": _set_pass_limit,
    "sign_in_limit": _set_sign_in_limit,
    "sign_in_lists": _allow_sign_in_lists,
    "list_page": _set_page_size,
    "log_delay": _set_log_delay,
    "log_pass": _log_pass,
    "tokens": _expire_tokens,
    "token_lifetime": _set_token_lifetime,
    "signing_key": _replace_signing_key,
    "id_token": _change_id_tokens,
    "contexts": _set_contexts,
    "interaction": _require_interaction,
    "end_sign_ins": _end_sign_ins,
    "certificate": _register_certificate,
    "clock_ahead": _set_clock_ahead,
    "projected_token": _make_projected_token,
    "resume": _resume_callers,
    "end_faults": _end_faults,
    "set_up": _undo_set_up,
    "administrator": _administrator_tokens,
}
HANDLERS: dict[tuple[str, str], Callable[[Tenant, Request], Any]] = {
    ("GET", "state"): _describe_state,
    ("GET", "requests"): _list_requests,
    ("GET", "mail"): _list_mail,
    ("POST", "faults"): _add_faults,
    ("POST", "reset"): _reset_tenant,
    ("POST", "change"): _apply_changes,
}
