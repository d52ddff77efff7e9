"""The table of access rules, and the visitors, routes and methods to test it with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from tests.support import plan

# --- The people -----------------------------------------------------------------------------------------------

NOBODY, ANYONE, SIGNED_IN = "nobody", "anyone", "signed in"
HR, ADMIN, STAFF = "HR", "Admin", "admin or auditor"
HR_OR_ADMIN, AUDITOR = "HR or admin", "Auditor"
MANAGER = "the starter's manager in the directory now"
ACTOR = "who was shown the pass"
READER = "who got a mail about the starter as its manager"


UNCHECKED = "unchecked"  # Entra has not confirmed the person in the last five minutes


@dataclass(frozen=True)
class Visitor:
    """One kind of visitor, played by a person of the demo cast. `session` names what is unusual about their session."""

    who: str
    key: str = ""
    session: str = ""
    signed_in_ago: timedelta = timedelta(seconds=5)

    @property
    def is_signed_in(self) -> bool:
        return bool(self.key) and self.session in {"", UNCHECKED}


VISITORS = (
    Visitor("somebody who is not signed in"),
    Visitor("somebody without a role", "outsider"),
    Visitor("the starter", "noor"),
    Visitor("the manager", "maria"),
    Visitor("the manager who signed in a while ago", "maria", signed_in_ago=timedelta(minutes=6)),
    Visitor("another manager", "tom"),
    Visitor("HR who recorded the starters", "hanna"),
    Visitor("HR and a manager", "henry"),
    Visitor("an admin", "ada"),
    Visitor("an admin and a manager", "amir"),
    Visitor("an auditor", "audrey"),
    Visitor("a manager who became a guest while signed in", "guestmanager"),
    Visitor("a manager whose session was long unused", "maria", session="unused"),
    Visitor("a manager whose session is of yesterday", "maria", session="old"),
    Visitor("a manager whose session does not say when it began", "maria", session="undated"),
    Visitor("a manager whom Entra has not confirmed for a while", "maria", session=UNCHECKED),
    Visitor("a session sealed for somebody else", "maria", session="foreign"),
    Visitor("a session of somebody unknown", "maria", session="unknown"),
)
# The starters and their managers. Maria saw Liam's pass, and was Mo's manager until yesterday. Emma is withdrawn.
# Lotte has no account yet, and therefore no manager.
MANAGERS = {
    "noor": "maria",
    "liam": "maria",
    "moved": "tom",
    "nadia": "henry",
    "olga": "amir",
    "gil": "guestmanager",
    "emma": "maria",
    "late": "nobody",
}

# Who got a mail. Mo's two managers both did.
READERS = {names: {key} for names, key in MANAGERS.items()} | {"moved": {"maria", "tom"}}
# Emma was withdrawn before the mail left, Gil's manager has no mailbox, and Lotte has no manager.
READERS |= {key: set() for key in ("emma", "gil", "late")}

# --- The table ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """Who may look (GET) and act (POST) at one route, and the answers. Everything else is denied."""

    look: str = NOBODY
    act: str = NOBODY
    shows: str = "200"
    does: str = "302"
    missing: str = "404"  # to permitted visitors, if the object in the address does not exist
    others: str = "403"  # to signed-in visitors without permission
    is_open: bool = False  # also to visitors who are not signed in
    needs_token: bool = True  # of its forms
    # A view of Django admin: it checks the person before the method, and treats a POST as a GET.
    is_djangos: bool = False
    # The answer of such a view to a POST that changes nothing, if it differs from the answer to a GET.
    posted: str = ""
    # The methods of the API that need an access token; "none" for an address that does not exist.
    api: str = ""


OPEN = {"is_open": True}
HIDDEN = {"others": "404"}  # other people cannot tell whether the starter exists

OURS = {
    "home": Rule(look=SIGNED_IN, shows="302"),  # a redirect to their own first page
    "managers:list": Rule(look=SIGNED_IN),
    "managers:starter": Rule(look=MANAGER, act=MANAGER, **HIDDEN),  # the answers to a click: CLICKS
    "managers:not-me": Rule(look=READER, act=READER, **HIDDEN),
    "managers:receipt": Rule(act=ACTOR, does="204", **HIDDEN),
    "managers:progress": Rule(look=ACTOR, **HIDDEN),
    "managers:not-seen": Rule(act=ACTOR, **HIDDEN),
    "managers:lost": Rule(act=ACTOR, **HIDDEN),
    "hr:list": Rule(look=HR),
    "hr:record": Rule(look=HR, act=HR),
    "hr:several": Rule(look=HR, act=HR, does="302 200"),
    # 404: a colleague in HR reads a list, and only the person who imported it changes it (tests/imports).
    "hr:import": Rule(look=HR, act=HR),
    "hr:import-list": Rule(look=HR),
    "hr:import-columns": Rule(look=HR, act=HR, shows="200 404", does="400 404"),
    "hr:import-add": Rule(act=HR, does="302 404"),
    "hr:import-rest": Rule(look=HR),
    "hr:import-delete": Rule(act=HR, does="302 404"),
    "hr:today": Rule(look=HR),
    "hr:to-accept": Rule(look=HR, act=HR, does="400 409"),  # nothing chosen, or gone meanwhile
    "hr:saved": Rule(act=HR, does="302"),
    "hr:saved-delete": Rule(act=HR, does="404"),
    "hr:mail-choice": Rule(look=HR, act=HR),
    "hr:day": Rule(look=HR),
    "hr:export": Rule(act=HR, does="200"),
    "hr:together": Rule(act=HR, does="200"),
    "hr:starter": Rule(look=HR),
    "hr:edit": Rule(look=HR, act=HR, does="302 200"),  # 200 says why the action was not done
    "hr:send": Rule(act=HR),
    "hr:accept": Rule(act=HR),
    "hr:withdraw": Rule(look=HR, act=HR, does="302 200"),
    "hr:restart": Rule(look=HR, act=HR, does="400"),  # the form does not say which of the two people it is
    "hr:stop-code": Rule(act=HR, does="200 302"),  # 302 to the starter, if it has changed or is finished
    "hr:bring-back": Rule(look=HR, act=HR, does="302 200"),
    "hr:account": Rule(look=HR, act=HR, does="302 200"),
    "hr:stand-in": Rule(look=HR, act=HR, does="302 200"),
    "hr:allow": Rule(look=HR, act=HR, does="302 200"),
    "hr:take-back": Rule(act=HR),
    "hr:look-again": Rule(act=HR),
    "hr:approve": Rule(look=HR, act=HR, does="302 200"),
    # What an auditor reads is recorded first, which only a POST does.
    "audit:events": Rule(look=AUDITOR, act=AUDITOR),
    "audit:export": Rule(act=AUDITOR, does="200"),
    "audit:passes": Rule(look=AUDITOR, act=AUDITOR),
    "audit:starter": Rule(look=AUDITOR, act=AUDITOR),
    "signin:start": Rule(look=ANYONE, shows="302", **OPEN),
    "signin:callback": Rule(look=ANYONE, shows="400", **OPEN),  # a response to no request of this browser
    "signin:again": Rule(look=SIGNED_IN, shows="302"),
    "signin:check": Rule(look=SIGNED_IN, shows="302"),
    "signin:front_channel": Rule(look=ANYONE, **OPEN),  # it ends a session that the visitor can name
    "own-sessions": Rule(look=SIGNED_IN, act=SIGNED_IN, does="302 403"),  # 403 asks for a fresh sign-in
    "signin:out": Rule(act=ANYONE, does="200", **OPEN),
    "signin:signed_out": Rule(look=ANYONE, **OPEN),
    "language": Rule(act=ANYONE, needs_token=False, **OPEN),  # it only sets a cookie with the language
    "csp-report": Rule(act=ANYONE, does="204", needs_token=False, **OPEN),
    # Sessions never open the API: it asks for a token. What a token opens is tested in tests/api.
    "api-page": Rule(look=HR_OR_ADMIN),
    "api:starters": Rule(api="GET HEAD"),
    "api:starter": Rule(api="GET HEAD PUT"),
    "api:withdrawal": Rule(api="POST"),
    "api:hooks": Rule(api="GET HEAD POST"),
    "api:hook": Rule(api="GET HEAD DELETE"),
    "api:no-such-address": Rule(api="none"),
    "api:openapi": Rule(look=ANYONE, **OPEN),
    "api:swagger": Rule(look=ANYONE, **OPEN),
    "livez": Rule(look=ANYONE, **OPEN),
    "sheet": Rule(look=ANYONE, **OPEN),
    "stop": Rule(look=ANYONE, act=ANYONE, does="400", needs_token=False, **OPEN),  # the form has no stop code
    "components": Rule(look=ANYONE, **OPEN),  # with the sandbox tenant only
    "readyz": Rule(look=ANYONE, shows="200 503", **OPEN),  # test_health.py tests which of the two
}

# These GETs store the start of a sign-in, so they may change something.
NOTED = {"signin:start", "signin:callback", "signin:again", "signin:check"}

# What a session answers that Entra has not confirmed in the last five minutes. A click gets no pass by it: CLICKS.
WITHOUT_CHECK = {
    "managers:starter": {"POST"},
    "managers:receipt": {"POST"},
    "managers:progress": {"GET"},
    "managers:not-seen": {"POST"},
    "managers:lost": {"POST"},
    "managers:not-me": {"GET", "POST"},  # it only stops
    "signin:again": {"GET"},
    "signin:check": {"GET"},
}

# The answer to a click on the manager's button: 200 is the pass, 409 the current page, 403 a refusal.
CLICKS = {
    ("the manager", "noor"): "200",
    ("the manager", "liam"): "409",
    ("the manager", "emma"): "409",
    ("the manager who signed in a while ago", "noor"): "403",
    ("the manager who signed in a while ago", "liam"): "409",
    ("the manager who signed in a while ago", "emma"): "409",
    ("a manager whom Entra has not confirmed for a while", "noor"): "403",
    ("a manager whom Entra has not confirmed for a while", "liam"): "409",
    ("a manager whom Entra has not confirmed for a while", "emma"): "409",
    ("another manager", "moved"): "200",
    ("HR and a manager", "nadia"): "200",
    ("an admin and a manager", "olga"): "403",
    ("a manager who became a guest while signed in", "gil"): "403",
}


def _django_rule(look: str = STAFF, **more: Any) -> Rule:
    return Rule(look=look, is_djangos=True, **more)


ADMIN_ITSELF = {
    "doctor": _django_rule(ADMIN, act=ADMIN, does="200"),
    "audit-chain": _django_rule(act=STAFF, does="200"),  # its button verifies more, and changes nothing
    "one-person": _django_rule(ADMIN, act=ADMIN, does="200"),  # a POST without an action shows the page
    "mail-previews": _django_rule(posted="405"),
    "admin:index": _django_rule(),
    "admin:login": _django_rule(shows="302"),
    "admin:logout": _django_rule(shows="405", act=STAFF, does="200"),
    "admin:autocomplete": _django_rule(shows="403", posted="405"),
    "admin:jsi18n": _django_rule(posted="405"),
    "admin:view_on_site": _django_rule(shows="404"),
    "admin:app_list": _django_rule(),
    "admin/(?P<url>.*)$": _django_rule(shows="301"),
}

# The pages of a table in Django admin, by the last word of their names.
TO_READ = {
    "changelist": _django_rule(),
    "add": _django_rule(NOBODY),
    "history": _django_rule(missing="302"),
    "delete": _django_rule(NOBODY),
    "change": _django_rule(missing="302", posted="403"),
    "": _django_rule(shows="302", missing="302"),  # an old address that redirects to `change`
}
BUTTON = _django_rule(shows="405", missing="405", act=ADMIN, does="302 404", posted="403")
POLICY = TO_READ | {
    "add": _django_rule(ADMIN, act=ADMIN),
    "agree": _django_rule(ADMIN, act=ADMIN, does="302 404"),  # a second admin activates a version
    "stop": BUTTON,  # before it comes into force
}
TABLES = {
    # The form lacks the tick that confirms it, so the answer is 400.
    "portal/user": TO_READ | {"end_sessions": _django_rule(ADMIN, act=ADMIN, does="400 404")},
    "onboarding/policyversion": POLICY
    | {
        "in_force": _django_rule(posted="405"),
        "freeze": BUTTON,
    },
    # The fields are the site's. In a department's form an empty field means "as the site".
    "onboarding/departmentpolicy": POLICY | {"add": _django_rule(ADMIN, act=ADMIN, does="302 200")},
    "onboarding/starter": TO_READ,
    "onboarding/passissue": TO_READ,
    "onboarding/auditevent": TO_READ,
    "onboarding/mail": TO_READ,
    "onboarding/directoryfinding": TO_READ | {"close": BUTTON},
    "onboarding/heartbeat": TO_READ,
    "onboarding/hook": TO_READ | {"changelist": _django_rule(act=ADMIN)},  # revokes a webhook
    "onboarding/hookdelivery": TO_READ | {"changelist": _django_rule(act=ADMIN)},  # replays a delivery
    "onboarding/job": TO_READ | {"changelist": _django_rule(act=ADMIN)},  # starts a job again
}


def _rules_of_tables() -> Iterator[tuple[str, Rule]]:
    for table, rules in TABLES.items():
        for word, rule in rules.items():
            named = f"admin:{table.replace('/', '_')}_{word}" if word else f"admin/{table}/<path:object_id>/"
            yield named, rule


RULES = {**OURS, **ADMIN_ITSELF, **dict(_rules_of_tables())}

# --- The routes, as the site itself has them ---------------------------------------------------------------------


@dataclass(frozen=True)
class Route:
    """`name` is the route's name in the table: Django's name, or the pattern if it has none."""

    name: str
    parts: tuple[Any, ...]
    view: Any

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.converters or part.regex.groupindex)

    def address(self, values: dict[str, Any]) -> str:
        return "/" + "".join(_fill_parameter(part, values) for part in self.parts)


def _fill_parameter(part: Any, values: dict[str, Any]) -> str:
    if isinstance(part, RoutePattern):
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), str(part))
    return re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda found: str(values[found[1]]), str(part).strip("^$"))


@cache
def routes() -> tuple[Route, ...]:
    return tuple(_walk(get_resolver()))


def _walk(
    resolver: URLResolver, parts: tuple[Any, ...] = (), spaces: tuple[str, ...] = ()
) -> Iterator[Route]:
    for pattern in resolver.url_patterns:
        path = (*parts, pattern.pattern)
        if isinstance(pattern, URLPattern):
            name = ":".join((*spaces, pattern.name)) if pattern.name else "".join(str(part) for part in path)
            yield Route(name, path, pattern.callback)
        else:
            yield from _walk(pattern, path, (*spaces, pattern.namespace) if pattern.namespace else spaces)


# --- Where each route is tried ---------------------------------------------------------------------------------

UNKNOWN = "what there is not"
PLACES = {
    (): ("the page",),
    ("public_id",): (*MANAGERS, UNKNOWN),
    # Liam's pass, the same pass with another starter, another pass with Liam, and an unknown address.
    ("public_id", "issue_id"): ("liam", "noor", "liam's other", UNKNOWN),
    ("object_id",): ("a row", UNKNOWN),
    ("content_type_id", "object_id"): ("a row", UNKNOWN),
    ("app_label",): ("portal", "onboarding"),
    ("url",): ("onboarding", UNKNOWN),
    ("source", "number"): ("a ticket", UNKNOWN),
    ("hook_id",): ("a webhook", UNKNOWN),
    ("day",): ("a day", UNKNOWN),
    ("import_id",): ("an import", UNKNOWN),
}


@dataclass(frozen=True)
class Ask:
    """One kind of request. A POST has the form in its body. With `in_address`, a GET has it in the query."""

    method: str
    has_token: bool = True
    in_address: bool = False

    def __str__(self) -> str:
        return f"{self.method}{'' if self.has_token else ' without token'}{' with a query' if self.in_address else ''}"

    @property
    def is_safe(self) -> bool:
        return self.method in {"GET", "HEAD", "OPTIONS", "TRACE"}


GET, POST = Ask("GET"), Ask("POST")
EVERY_ASK = (GET, POST, *map(Ask, ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")))
EVERY_ASK += (Ask("POST", has_token=False), Ask("GET", in_address=True))


@dataclass(frozen=True)
class Place:
    route: Route
    names: str

    def __str__(self) -> str:
        return f"{self.route.name} ({self.names})"

    @property
    def asks(self) -> tuple[Ask, ...]:
        """All kinds of request for the first place of a route, and only GET and POST for its other places."""
        if self.names != PLACES[self.route.parameters][0]:
            return GET, POST
        # Django's lists refuse unknown parameters in an address.
        return tuple(ask for ask in EVERY_ASK if not (ask.in_address and self.route.name not in OURS))


ENDED = [visitor for visitor in VISITORS if visitor.session]
VALID = [visitor for visitor in VISITORS if not visitor.session]
MAIN_ASKS = (GET, POST)


def asks(visitor: Visitor, place: Place) -> tuple[Ask, ...]:
    """The kinds of request that a visitor sends. `make test` sends a part of them, `make test-all` all.

    In `make test`, one of the invalid sessions tries each route. Every other visitor sends GET and POST to a manager's
    pages, where a pass is requested and shown. To each other route of the portal half of them send GET and half of them
    POST, and a sixth each other kind. To the routes of Django's admin and to the further addresses of a route a
    sixth of them sends GET and a sixth POST, and one of them sends each other kind to the admin.
    """
    if not plan.EACH_ONCE:
        return place.asks
    turn = routes().index(place.route) + (ENDED if visitor.session else VALID).index(visitor)
    if visitor.session:
        return () if turn % len(ENDED) else place.asks
    names = PLACES[place.route.parameters]
    turn_here = turn + names.index(place.names)
    one_of_two, one_of_six = {MAIN_ASKS[turn_here % 2]}, set(MAIN_ASKS[turn_here % 6 :][:1])
    is_managers = place.route.name.startswith("managers:")
    if place.names != names[0] and not is_managers:
        return tuple(ask for ask in place.asks if ask in one_of_six)
    if place.route.name in OURS:
        main, every = (set(MAIN_ASKS) if is_managers else one_of_two), 6
    else:
        main, every = one_of_six, len(VALID)
    in_turn = {ask for ask in EVERY_ASK if (turn + EVERY_ASK.index(ask)) % every == 0} - set(MAIN_ASKS)
    return tuple(ask for ask in place.asks if ask in main | in_turn)


@cache
def places() -> tuple[Place, ...]:
    return tuple(Place(route, names) for route in routes() for names in PLACES[route.parameters])


# --- What the table makes of it ----------------------------------------------------------------------------------

TO_SIGN_IN, TO_CHECK = "to sign-in", "to the check of the session"


@dataclass(frozen=True)
class Verdict:
    """The allowed answers, and whether the request may change something."""

    answers: frozenset[str]
    is_denied: bool = False
    may_change: bool = False


def expected_verdict(visitor: Visitor, roles: list[str], place: Place, ask: Ask) -> Verdict:
    """The table's answer to one request."""
    rule = RULES[place.route.name]
    if rule.api:
        return denied("404" if rule.api == "none" else "401" if ask.method in rule.api.split() else "405")
    if rule.needs_token and not ask.is_safe and not (ask.has_token and keeps_csrf_token(visitor)):
        return denied("403")
    if not rule.is_open and not visitor.is_signed_in:
        return denied(TO_SIGN_IN if ask.method in {"GET", "HEAD"} else "401")
    if visitor.session == UNCHECKED and not rule.is_open and is_checked_first(place, ask):
        return denied(TO_CHECK) if ask.method == "GET" else Verdict(frozenset({"401"}))
    if place.route.name == "managers:starter" and ask == POST:
        answered = CLICKS.get((visitor.who, place.names))
        return Verdict(frozenset({answered}), may_change=True) if answered else denied(rule.others)
    words = words_that_apply(visitor, roles, place)
    return (
        verdict_of_django(rule, words, place, ask)
        if rule.is_djangos
        else verdict_of_portal(rule, words, place, ask)
    )


def is_checked_first(place: Place, ask: Ask) -> bool:
    """Whether Entra must confirm the person before this request. A HEAD shows nothing."""
    return ask.method not in {"HEAD", *WITHOUT_CHECK.get(place.route.name, ())}


def verdict_of_portal(rule: Rule, words: set[str], place: Place, ask: Ask) -> Verdict:
    """The portal's own views check the method before the person."""
    heads = NOBODY if place.route.name in NOTED else rule.look
    who = {"GET": rule.look, "HEAD": heads, "POST": rule.act}.get(ask.method, NOBODY)
    if who == NOBODY:
        return denied("405")
    if who not in words:
        return denied(rule.others)
    if place.names == UNKNOWN:
        return Verdict(frozenset({rule.missing}))
    if ask.method == "POST":
        return Verdict(frozenset(rule.does.split()), may_change=True)
    return Verdict(frozenset(rule.shows.split()))


def verdict_of_django(rule: Rule, words: set[str], place: Place, ask: Ask) -> Verdict:
    """Django's views treat a POST without an action as a GET."""
    if ask.method not in {"GET", "HEAD", "POST"}:
        return denied("405")
    if rule.look not in words:
        return denied(rule.others)
    if ask == POST and rule.act in words:
        return Verdict(frozenset(rule.does.split()), may_change=True)
    if ask == POST and rule.posted:
        return Verdict(frozenset({rule.posted}))
    return Verdict(frozenset({rule.missing if place.names == UNKNOWN else rule.shows}))


def denied(*answers: str) -> Verdict:
    return Verdict(frozenset(answers), is_denied=True)


def keeps_csrf_token(visitor: Visitor) -> bool:
    """Whether the visitor's form token is still valid: a token ends with its session."""
    return visitor.session in {"", "unknown", UNCHECKED}


def words_that_apply(visitor: Visitor, roles: list[str], place: Place) -> set[str]:
    """The words of the table that apply to a visitor at a place."""
    if not visitor.is_signed_in:
        return {ANYONE}
    words = {ANYONE, SIGNED_IN, *roles} | ({STAFF} if {"Admin", "Auditor"} & set(roles) else set())
    words |= {HR_OR_ADMIN} if {"HR", "Admin"} & set(roles) else set()
    words |= {MANAGER} if MANAGERS.get(place.names) == visitor.key else set()
    words |= {READER} if visitor.key in READERS.get(place.names, ()) else set()
    return words | ({ACTOR} if (visitor.key, place.names) == ("maria", "liam") else set())
