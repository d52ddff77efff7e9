"""The control interface, for tests and for people who try things: what happened, what shall fail, start over.

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

from portal.sandbox.clock import graph_time, parse_time
from portal.sandbox.entra.assertions import projected_token
from portal.sandbox.identity import administrator_token
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.records import Account, Pass
from portal.sandbox.resources import AUDIENCE as AZURE_RESOURCE
from portal.sandbox.resources import SUBSCRIPTION_ID
from portal.sandbox.tenant import Tenant
from portal.sandbox.tokens import thumbprints
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


def answer(tenant: Tenant, request: Request) -> Response:
    handler = HANDLERS.get((request.method, request.path.removeprefix("/_control/")))
    if handler is None:
        return json_answer({"error": "There is no such control."}, 404)
    try:
        with tenant.lock:
            payload = handler(tenant, request)
            if request.method == "POST":
                tenant.save()
    except (ValueError, KeyError, TypeError) as mistake:
        return json_answer({"error": f"{type(mistake).__name__}: {mistake}"}, 400)
    return json_answer(payload)


# --- Looking ----------------------------------------------------------------------------------------------


def _state(tenant: Tenant, _request: Request) -> Json:
    return {
        "people": {key: _person(tenant, account) for key, account in tenant.accounts.items()},
        "passes": [_pass(tenant, found) for found in tenant.passes if not found.ended],
        "past_passes": [_pass(tenant, found) for found in tenant.passes if found.ended],
        "policy": tenant.policy,
        "permissions": sorted(tenant.granted),
        "registrations": tenant.registrations.document(),
        "second_post": tenant.second_post,
        "contexts": tenant.contexts,
        "tap_limit": tenant.throttle.limit,
        "clock_ahead": tenant.clock.ahead,
        "faults": tenant.faults.described(),
        "mails": len(tenant.mails),
    }


def _person(tenant: Tenant, account: Account) -> Json:
    last = account.last_sign_in
    return {
        **{name: value for name, value in asdict(account).items() if name != "key"},
        "last_sign_in": None if last is None else graph_time(last),
        "pass_id": found.id if (found := tenant.pass_of(account)) else None,
    }


def _pass(tenant: Tenant, found: Pass) -> Json:
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


def _requests(tenant: Tenant, _request: Request) -> list[Json]:
    return list(tenant.requests)


def _mail(tenant: Tenant, _request: Request) -> list[Json]:
    return [asdict(mail) for mail in tenant.mails]


# --- Acting -----------------------------------------------------------------------------------------------


def _faults(tenant: Tenant, request: Request) -> Json:
    tenant.faults.add(request.json())
    return {"faults": tenant.faults.described()}


def _reset(tenant: Tenant, _request: Request) -> Json:
    tenant.reset()
    return {"reset": True}


def _change(tenant: Tenant, request: Request) -> Json:
    wanted = request.json()
    if not isinstance(wanted, dict) or not wanted:
        raise ValueError("Say what to change: an object.")
    unknown = set(wanted) - set(CHANGES) - {"set"}
    if unknown:
        raise ValueError(
            f"Nothing is called {', '.join(sorted(unknown))}; there is {', '.join(sorted(CHANGES))}."
        )
    answers: Json = {}
    for name, change in CHANGES.items():
        if name in wanted:
            answers[name] = change(tenant, wanted[name], wanted)
    return answers


def change_person(tenant: Tenant, key: str, wanted: Json) -> str:
    """`set` names Graph's properties, or manager (a key), methods, groups, roles, last_sign_in, exists."""
    account = tenant.accounts[key]
    for name, value in wanted["set"].items():
        if name == "last_sign_in":
            account.last_sign_in = None if value is None else parse_time(value)
        elif name in OWN_FIELDS:
            setattr(account, name, value)
        elif name in account.properties:
            account.properties[name] = value
        else:
            raise ValueError(f"{name} is not a property of a person.")
    return account.id


def _add(tenant: Tenant, newcomers: list[Json], _wanted: Json) -> list[str]:
    """`[{"key": …, "name": "First Last", "manager": key}]`: more starters, for long lists and for load."""
    return [tenant.add_starter(**newcomer).id for newcomer in newcomers]


def _appear(tenant: Tenant, key: str, _wanted: Json) -> str:
    tenant.appear(key)
    return tenant.accounts[key].id


def _grant(tenant: Tenant, names: list[str], _wanted: Json) -> list[str]:
    """Seen in the next token, as in Entra; `{"tokens": "expire"}` makes that at once."""
    tenant.granted.update(names)
    return sorted(tenant.granted)


def _revoke(tenant: Tenant, names: list[str], _wanted: Json) -> list[str]:
    tenant.granted.difference_update(names)
    return sorted(tenant.granted)


def _policy(tenant: Tenant, values: Json, _wanted: Json) -> Json:
    if not set(values) <= set(tenant.policy):
        raise ValueError(f"The policy has only {', '.join(sorted(tenant.policy))}.")
    tenant.policy.update(values)
    return dict(tenant.policy)


def _second_post(tenant: Tenant, behaviour: str, _wanted: Json) -> str:
    if behaviour not in ("replace", "refuse"):
        raise ValueError("second_post is replace or refuse.")
    tenant.second_post = behaviour
    return behaviour


def _tap_limit(tenant: Tenant, limit: list[float] | None, _wanted: Json) -> Any:
    tenant.limit_passes(None if limit is None else (int(limit[0]), float(limit[1])))
    return limit


def _tokens(tenant: Tenant, word: str, _wanted: Json) -> str:
    if word != "expire":
        raise ValueError("tokens can only expire.")
    tenant.expire_tokens()
    return word


def _token_lifetime(tenant: Tenant, seconds: int, _wanted: Json) -> int:
    tenant.token_lifetime = int(seconds)
    return tenant.token_lifetime


def _signing_key(tenant: Tenant, word: str, _wanted: Json) -> str:
    if word != "roll":
        raise ValueError("signing_key can only roll.")
    tenant.keys.roll()
    return tenant.keys.key_id


def _id_token(tenant: Tenant, changes: Json, _wanted: Json) -> Json:
    """`{"set": {claims}, "remove": [names], "signature": "none"|"foreign"|"unknown key"}`; `{}` ends it."""
    if not set(changes) <= {"set", "remove", "signature"}:
        raise ValueError("id_token has set, remove and signature.")
    tenant.id_token_changes = changes
    return changes


def _contexts(tenant: Tenant, met: dict[str, list[str]], _wanted: Json) -> Json:
    """`{"c1": [keys]}`: who meets the policy bound to a context; one not named has none, and everybody is granted it.

    To have the token say otherwise, or say it as text: `{"id_token": {"set": {"acrs": "c1"}}}`.
    """
    if not isinstance(met, dict) or not {key for keys in met.values() for key in keys} <= set(
        tenant.accounts
    ):
        raise ValueError("contexts is an object: for each context a list of people's keys.")
    tenant.contexts = met
    return met


def _certificate(tenant: Tenant, pem: str, _wanted: Json) -> Json:
    names = thumbprints(pem)
    tenant.certificates.append(pem)
    return names


def _clock_ahead(tenant: Tenant, seconds: float, _wanted: Json) -> float:
    tenant.clock.ahead = float(seconds)
    return tenant.clock.ahead


def _set_up(tenant: Tenant, done: bool, _wanted: Json) -> bool:
    """`false`: a tenant that nobody has prepared for the portal yet."""
    if done is not False:
        raise ValueError("set_up can only be undone: false.")
    tenant.undo_set_up()
    return done


def _administrator(tenant: Tenant, permissions: list[str], _wanted: Json) -> Json:
    """Tokens of whoever sets the tenant up, with these permissions of Graph: one for Graph, one for Azure."""
    return {
        "graph": administrator_token(tenant, GRAPH_RESOURCE, permissions),
        "azure": administrator_token(tenant, AZURE_RESOURCE, []),
        "subscription": SUBSCRIPTION_ID,
    }


def _resume(tenant: Tenant, _word: bool, _wanted: Json) -> int:
    """`true` lets go on whoever was stopped by a fault."""
    return tenant.faults.resume()


def _projected_token(tenant: Tenant, seconds: int, _wanted: Json) -> str:
    return projected_token(tenant, int(seconds))


CHANGES: dict[str, Callable[[Tenant, Any, Json], Any]] = {
    "person": change_person,
    "add": _add,
    "appear": _appear,
    "grant": _grant,
    "revoke": _revoke,
    "policy": _policy,
    "second_post": _second_post,
    "tap_limit": _tap_limit,
    "tokens": _tokens,
    "token_lifetime": _token_lifetime,
    "signing_key": _signing_key,
    "id_token": _id_token,
    "contexts": _contexts,
    "certificate": _certificate,
    "clock_ahead": _clock_ahead,
    "projected_token": _projected_token,
    "resume": _resume,
    "set_up": _set_up,
    "administrator": _administrator,
}
HANDLERS: dict[tuple[str, str], Callable[[Tenant, Request], Any]] = {
    ("GET", "state"): _state,
    ("GET", "requests"): _requests,
    ("GET", "mail"): _mail,
    ("POST", "faults"): _faults,
    ("POST", "reset"): _reset,
    ("POST", "change"): _change,
}
