"""A table of everything that can be wrong with an installation: how to break it, and which check must fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import time as time_of_day
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from onboarding import jobs, migrations, models, policy, sealing
from onboarding.doctor import installation
from onboarding.graph.permissions import PERMISSIONS, TOO_WIDE
from onboarding.models import (
    AuditCode,
    AuditEvent,
    AuditOutlet,
    DirectoryFinding,
    Heartbeat,
    Hook,
    Job,
    PolicyVersion,
    Starter,
)
from onboarding.models.policy_settings import SETTING_NAMES
from portal.demo.process import free_port
from portal.models import ClaimsSeen, User
from portal.sandbox.options import GRAPH_RESOURCE
from portal.sandbox.people import BY_KEY, EVERYONE
from portal.sandbox.tenant import Tenant
from portal.signin.access_tokens import PERMISSIONS as PERMISSIONS_OF_API

NOOR = BY_KEY["noor"].object_id
NOBODY = "11111111-2222-4333-8444-555555555555"
USER = f"/users/{NOOR}"
IMDS, TOKEN, AUTHORIZE = "/metadata/identity/", "/oauth2/v2.0/token$", "/oauth2/v2.0/authorize$"
PASS_POLICY = "authenticationMethodConfigurations/temporaryAccessPass$"
NO_P2 = {
    "error": {"code": "AadPremiumLicenseRequired", "message": "The tenant needs an AAD Premium 2 license."}
}
NO_P1 = {
    "error": {
        "code": "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "message": "Neither tenant is B2C or tenant doesn't have premium license",
    }
}


@dataclass
class Installation:
    """Everything that a break can change."""

    tenant: Tenant
    settings: Any
    monkeypatch: Any
    person: Callable[[str], User]

    def fault(self, **fault: Any) -> None:
        self.tenant.faults.add({"times": None, **fault})

    def rules(self, **differently: Any) -> None:
        now = policy.for_site()
        kept = {name: getattr(now, name) for name in SETTING_NAMES}
        PolicyVersion.objects.create(reason="A test", **kept | differently)


@dataclass(frozen=True)
class Broken:
    """`names` is the one check that must be wrong, and no other."""

    what: str
    names: str
    how: Callable[[Installation], Any]
    account: str = NOOR
    says: str = ""

    def __str__(self) -> str:
        return self.what


def fault(**words: Any) -> Callable[[Installation], None]:
    return lambda it: it.fault(**words)


def setting(name: str, value: Any) -> Callable[[Installation], None]:
    return lambda it: setattr(it.settings, name, value)


def pass_policy(**values: Any) -> Callable[[Installation], None]:
    return lambda it: it.tenant.policy.update(values)


def all_of(*ways: Callable[[Installation], Any]) -> Callable[[Installation], None]:
    def every(it: Installation) -> None:
        for way in ways:
            way(it)

    return every


def rules(**differently: Any) -> Callable[[Installation], None]:
    return lambda it: it.rules(**differently)


# --- The portal itself --------------------------------------------------------------------------------------


LAST_MIGRATION = max(Path(migrations.__path__[0]).glob("[0-9]*.py")).stem


def unmigrated(_it: Installation) -> None:
    MigrationRecorder(connection).record_unapplied("onboarding", LAST_MIGRATION)


def job_given_up(_it: Installation) -> None:
    Job.objects.create(key="mail:1", priority=1, due_at=timezone.now(), failed_at=timezone.now())


def job_fails(key: str, priority: int, attempts: int) -> Callable[[Installation], None]:
    """A job that failed this often in a row and waits for the next try."""

    def failing(_it: Installation) -> None:
        Job.objects.create(
            key=key, priority=priority, attempts=attempts, due_at=timezone.now(), last_error="KeyError: 'x'"
        )

    return failing


def trail_changed(it: Installation) -> None:
    policy.add_version(PolicyVersion(reason="A test"), by=it.person("ada"))
    AuditEvent.objects.update(facts={"from": 0})


def trail_cut(it: Installation) -> None:
    policy.add_version(PolicyVersion(reason="A test"), by=it.person("ada"))
    last = AuditEvent.objects.first()
    last.detail.delete()
    AuditCode.objects.filter(event=last).delete()
    last.delete()


def database_clock_off(it: Installation) -> None:
    late = SimpleNamespace(now=lambda: timezone.now() - timedelta(minutes=5))
    it.monkeypatch.setattr(installation, "clock", late)


def database_role_too_strong(it: Installation) -> None:
    """As on PostgreSQL: SQLite has no roles. tests/audit/test_database_role.py asks a real server."""
    it.monkeypatch.setattr(installation, "why_role_is_not_checked", str)
    it.monkeypatch.setattr(installation.database_role, "find_excessive_rights", lambda: ["SUPERUSER"])


def head_not_sent(it: Installation) -> None:
    it.settings.AUDIT_SIGNING_KEY_FILE = "/run/secrets/audit-signing-key.pem"
    hours_ago = timezone.now() - timedelta(hours=4)
    AuditOutlet.objects.create(name="head_log", seq=1, sent_at=timezone.now())
    AuditOutlet.objects.create(name="head_file", seq=1, sent_at=hours_ago, error="OSError: the disk is full")


def head_never_sent(it: Installation) -> None:
    it.settings.AUDIT_SIGNING_KEY_FILE = "/run/secrets/audit-signing-key.pem"


def pass_job_waits(_it: Installation) -> None:
    overdue = timezone.now() - jobs.PASS_JOB_OVERDUE_AFTER - timedelta(seconds=1)
    Job.objects.create(key="issue:1", priority=Job.Priority.PASS, due_at=overdue)


def no_worker(_it: Installation) -> None:
    Heartbeat.objects.all().delete()


def hook_of_another_key(_it: Installation) -> None:
    Hook.objects.create(host="hooks.contoso.example", sealed_url="AAAA", sealed_secret="AAAA")


def hook_waits(_it: Installation) -> None:
    hook = Hook.objects.create(host="hooks.contoso.example")
    hook.sealed_url = sealing.seal("https://hooks.contoso.example/?sig=1", context=f"url {hook.public_id}")
    hook.sealed_secret = sealing.seal("whsec_x", context=f"secret {hook.public_id}")
    hook.save()
    starter = Starter.objects.create(
        account_name="a@b.example",
        start_date=timezone.localdate(),
        start_time=time_of_day(9),
        time_zone="UTC",
    )
    hours_ago = timezone.now() - timedelta(hours=2)
    hook.deliveries.create(
        starter=starter, message_id="msg_1", tries=3, created_at=hours_ago, give_up_at=hours_ago
    )


OWN_SIDE = (
    Broken("a webhook of another key", "hooks.keys", hook_of_another_key, says="SECRET_KEY has changed"),
    Broken("a webhook that does not arrive", "hooks.delivered", hook_waits, says="hooks.contoso.example"),
    Broken("no worker", "worker.alive", no_worker),
    Broken(
        "a worker that died",
        "worker.alive",
        lambda _it: Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5)),
    ),
    Broken("a worker that finishes nothing", "worker.alive", pass_job_waits, says="more than ten minutes"),
    Broken("a migration is missing", "database.migrations", unmigrated, says=LAST_MIGRATION),
    Broken(
        "the database is a restored copy",
        "database.in_use",
        lambda _it: models.Installation.objects.update(suspended="operator"),
        says="marked this database as restored",
    ),
    Broken("the database's clock is late", "database.clock", database_clock_off, says="300 seconds behind"),
    Broken("the database role is a superuser", "database.role", database_role_too_strong, says="SUPERUSER"),
    Broken("a job was given up", "jobs.given_up", job_given_up, says="mail"),
    Broken(
        "nothing is erased",
        "jobs.failing",
        job_fails("daily:forget", Job.Priority.LOOK, 150),
        says="The portal does not delete personal data on time.",
    ),
    Broken(
        "sign-in activity is not read",
        "jobs.failing",
        job_fails("sign_ins:due", Job.Priority.LOOK, 150),
        says="The portal cannot read the last sign-ins of accounts in Entra.",
    ),
    Broken(
        "a pass is not seen to its end",
        "jobs.failing",
        job_fails("issue:1", Job.Priority.PASS, 3000),
        says="A pass that should be deleted may still exist.",
    ),
    Broken("an audit event was changed", "audit.end", trail_changed, says="was changed"),
    Broken("the trail was cut", "audit.end", trail_cut, says="are missing"),
    Broken(
        "a place without heads", "audit.outside", head_not_sent, says="a file (OSError: the disk is full)"
    ),
    Broken("no head was sent", "audit.outside", head_never_sent, says="no worker has sent one"),
    Broken(
        "a pass that the portal did not create",
        "audit.directory",
        lambda it: DirectoryFinding.objects.create(
            key="a", kind="no_trail", at=timezone.now(), found_at=timezone.now(), event=1
        ),
        says="1 pass that is missing from the portal’s audit log",
    ),
    Broken(
        "settings that make no sense",
        "settings.sense",
        lambda it: it.settings.MIDDLEWARE.remove("django.contrib.messages.middleware.MessageMiddleware"),
        says="admin.E409",
    ),
)

# --- Identity and permissions --------------------------------------------------------------------------------------


def other_token(**claims: Any) -> Callable[[Installation], None]:
    """The identity endpoint's first answer contains another token."""

    def given(it: Installation) -> None:
        now = int(time.time())
        honest = {
            "aud": GRAPH_RESOURCE,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "iss": it.tenant.options.issuer,
            "appid": it.tenant.options.identity_client_id,
            "oid": NOBODY,
            "tid": it.tenant.options.tenant_id,
            "roles": sorted(it.tenant.granted),
            "generation": it.tenant.token_generation,
        }
        token = it.tenant.keys.sign_token({**honest, **claims})
        it.fault(path=IMDS, mutate={"access_token": token}, times=1)

    return given


def without(name: str) -> Callable[[Installation], None]:
    return lambda it: it.tenant.granted.discard(name)


def also(name: str) -> Callable[[Installation], None]:
    return lambda it: it.tenant.granted.add(name)


def _permissions() -> Iterator[Broken]:
    for permission in PERMISSIONS:
        # The policy must not allow to continue without it.
        how = all_of(rules(sign_ins="refuse"), without(permission.name))
        yield Broken(
            f"without {permission.name}", f"permission.{permission.name}", how, says=permission.app_role_id
        )
    for name, why in TOO_WIDE.items():
        yield Broken(f"with {name}", "permission.too_wide", also(name), says=str(why))
    for name in ("Sites.FullControl.All", "Calendars.ReadWrite"):
        yield Broken(f"with {name}", "permission.too_wide", also(name), says=name)


IDENTITY = (
    Broken("Graph is not there", "graph.reach", lambda it: nowhere(it)),
    Broken("Graph is in trouble", "graph.reach", fault(path="^/v1.0/", status=503), says="status 503"),
    Broken("Graph hangs up", "graph.reach", fault(path="^/v1.0/", drop="before")),
    Broken("our clock is late", "graph.clock", lambda it: clock_ahead(it, 300), says="seconds behind"),
    Broken("our clock is early", "graph.clock", lambda it: clock_ahead(it, -90), says="seconds ahead"),
    Broken("the identity endpoint is in trouble", "identity.token", fault(path=IMDS, status=500)),
    Broken("the identity endpoint hangs up", "identity.token", fault(path=IMDS, drop="before")),
    Broken(
        "the identity is not attached",
        "identity.token",
        setting("AZURE_CLIENT_ID", NOBODY),
        says="no identity with this AZURE_CLIENT_ID",
    ),
    Broken("another identity", "identity.who", other_token(appid=NOBODY), says=NOBODY),
    Broken("another tenant's identity", "identity.who", other_token(tid=NOBODY), says=NOBODY),
    *_permissions(),
)


def nowhere(it: Installation) -> None:
    it.settings.GRAPH_URL = f"http://127.0.0.1:{free_port()}"


def clock_ahead(it: Installation, seconds: float) -> None:
    it.tenant.clock.ahead = seconds


# --- The tenant's pass policy --------------------------------------------------------------------------------------


def short_department(it: Installation) -> None:
    it.tenant.policy["minimumLifetimeInMinutes"] = 45
    PolicyVersion.objects.create(
        department="legal", overrides=["lifetime_minutes"], lifetime_minutes=30, reason="A test"
    )


POLICY = (
    Broken("passes are switched off", "policy.on", pass_policy(state="disabled")),
    Broken(
        "passes must last longer",
        "policy.bounds",
        pass_policy(minimumLifetimeInMinutes=90),
        says="60 minutes",
    ),
    Broken("passes may not last as long", "policy.bounds", pass_policy(maximumLifetimeInMinutes=30)),
    Broken("a department asks for too little", "policy.bounds", short_department, says="“legal” needs 30"),
    Broken("passes are for nobody", "policy.scope", pass_policy(includeTargets=[])),
    Broken(
        "the account is excluded",
        "account.scope",
        pass_policy(excludeTargets=[{"id": EVERYONE.object_id, "targetType": "group"}]),
    ),
    Broken(
        "the account is not included",
        "account.scope",
        pass_policy(includeTargets=[{"id": NOBODY, "targetType": "group"}]),
    ),
    Broken(
        "the pass policy is closed",
        "policy.read",
        fault(path=PASS_POLICY, status=403),
        says="although the token contains the permission",
    ),
    Broken("the pass policy makes no sense", "policy.read", fault(path=PASS_POLICY, remove=["state"])),
)

# --- What the guards read -------------------------------------------------------------------------------------------

PATHS = {
    "account": f"{USER}$",
    "manager": f"{USER}/manager$",
    "methods": "/authentication/methods$",
    "roles": "microsoft.graph.directoryRole$",
    "assignments": "/roleAssignments$",
    "eligible": "/roleEligibilityScheduleInstances$",
    "groups": "/transitiveMemberOf/microsoft.graph.group$",
    "owned": "/ownedObjects/",
    "eligible_groups": "/privilegedAccess/group/",
}
# The account is read twice: with the others, and for its sign-ins.
SIGN_INS = {"path": PATHS["account"], "skip": 1, "times": 1}


def _facts() -> Iterator[Broken]:
    for part, path in PATHS.items():
        yield Broken(
            f"{part}: closed",
            f"fact.{part}",
            fault(path=path, status=403),
            says="although the token contains the permission",
        )
    for part in ("methods", "manager", "eligible_groups"):
        yield Broken(
            f"{part}: no answer", f"fact.{part}", fault(path=PATHS[part], status=503), says="does not answer"
        )
    for part in ("eligible", "eligible_groups"):
        closed = fault(path=PATHS[part], status=400, body=NO_P2)
        yield Broken(f"{part}: no licence", f"fact.{part}", closed, says="has no licence for this data")


FACTS = (
    *_facts(),
    Broken(
        "sign-ins: closed",
        "fact.sign_ins",
        all_of(rules(sign_ins="refuse"), fault(**SIGN_INS, status=403)),
        says="although the token contains the permission",
    ),
    Broken(
        "sign-ins: no licence",
        "fact.sign_ins",
        all_of(rules(sign_ins="refuse"), fault(**SIGN_INS, status=403, body=NO_P1)),
        says="has no licence for this data",
    ),
    Broken(
        "restricted units are not told",
        "fact.restricted",
        fault(path=PATHS["account"], remove=["isManagementRestricted"]),
    ),
    Broken("there is no such account", "fact.account", lambda _it: None, "nobody@contoso.example"),
    Broken("there is no account with this id", "fact.account", lambda _it: None, NOBODY),
    Broken("a name that is none", "fact.account", lambda _it: None, "not a name/../at all"),
)


def _guards() -> Iterator[Broken]:
    for key, guard in {
        "disabled": "enabled",
        "passkey": "no_own_method",
        "eligible": "handled_by_it",
        "rolegroup": "handled_by_it",
        "haspass": "no_foreign_pass",
        "signedin": "never_signed_in",
        "olga": "not_an_admin",
    }.items():
        yield Broken(
            f"the guards see: {key}", f"guard.{guard}", lambda it: it.person("amir"), BY_KEY[key].object_id
        )
    yield Broken("a guest as manager", "guard.manager_enabled", lambda _it: None, BY_KEY["gil"].object_id)
    yield Broken("no manager", "fact.manager", lambda _it: None, BY_KEY["ben"].object_id, "No manager is set")
    name = BY_KEY["outofscope"].user_principal_name
    yield Broken("the account is out of scope", "account.scope", lambda _it: None, name)


# --- Mail ------------------------------------------------------------------------------------------------------------


def by_smtp(it: Installation, port: int) -> None:
    it.settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    it.settings.EMAIL_HOST, it.settings.EMAIL_PORT = "127.0.0.1", port


MAIL = (
    Broken("the sender has no mailbox", "mail.sender", setting("MAIL_FROM", "gone@contoso.example")),
    Broken("the sender may not be read", "mail.sender", fault(path="/users/starters@", status=403)),
    Broken(
        "no mail server", "mail.sender", lambda it: by_smtp(it, free_port()), says="ConnectionRefusedError"
    ),
)

CLAIMS = ["auth_time", "acct", "login_hint", "sid"]
ROLES = ["HR", "Admin", "Auditor"]

# --- Signing in -------------------------------------------------------------------------------------------------------


def sorry(number: int) -> dict[str, Any]:
    return {"status": 400, "body": f"<html><p>AADSTS{number}: Sorry, we cannot sign you in.</p></html>"}


def refused(number: int) -> dict[str, Any]:
    said = f"AADSTS{number}: No matching federated identity record found."
    return {
        "status": 401,
        "body": {"error": "invalid_client", "error_description": said, "error_codes": [number]},
    }


def sign_in_has_rights(it: Installation) -> None:
    token = it.tenant.keys.sign_token({"aud": GRAPH_RESOURCE, "roles": ["User.Read.All"]})
    it.fault(path=TOKEN, mutate={"access_token": token})


def registered(
    *,
    claims: Sequence[str] = CLAIMS,
    roles: Sequence[str] = ROLES,
    access_claims: Sequence[str] = ("idtyp", "acct"),
    api_roles: Sequence[str] = PERMISSIONS_OF_API,
    version: int | None = 2,
) -> Callable[[Installation], None]:
    """The identity may read app registrations, and both registrations read like this one."""
    found = {
        "appId": NOBODY,
        "optionalClaims": {
            "idToken": [{"name": name} for name in claims],
            "accessToken": [{"name": name} for name in access_claims],
        },
        "appRoles": [{"value": name, "isEnabled": True} for name in (*roles, *api_roles)],
        "api": {"requestedAccessTokenVersion": version},
    }
    return fault(path="^/v1.0/applications$", status=200, body={"value": [found]})


def _claims() -> Iterator[Broken]:
    for name in CLAIMS:
        rest = [other for other in CLAIMS if other != name]
        yield Broken(
            f"sign-ins come without {name}",
            "signin.claims",
            lambda _it, rest=rest: ClaimsSeen.objects.update(names=rest),
            says=f"lacks these claims: {name}",
        )
        yield Broken(
            f"{name} is not asked for",
            "signin.claims",
            registered(claims=rest, roles=["HR", "Admin", "Auditor"]),
            says=f"The registration lacks these claims: {name}",
        )
    yield Broken(
        "a context is wanted and acrs is not asked for",
        "signin.claims",
        all_of(rules(step_up_context="c1"), registered(claims=CLAIMS, roles=["HR", "Admin", "Auditor"])),
        says="The registration lacks these claims: acrs",
    )
    yield Broken(
        "an app role is missing",
        "signin.roles",
        registered(claims=CLAIMS, roles=["HR", "Admin"]),
        says="lacks these app roles: Auditor",
    )


SIGN_IN = (
    Broken("sign-in is not there", "signin.entra", fault(path="openid-configuration$", drop="before")),
    Broken("sign-in is in trouble", "signin.entra", fault(path="openid-configuration$", status=503)),
    Broken(
        "sign-in is another tenant's",
        "signin.entra",
        fault(path="openid-configuration$", mutate={"issuer": "https://login.sandbox.invalid/other/v2.0"}),
    ),
    Broken(
        "the sign-in client is unknown", "signin.client", setting("SIGN_IN_CLIENT_ID", NOBODY), says=NOBODY
    ),
    Broken(
        "the way back is not registered",
        "signin.redirect",
        fault(path=AUTHORIZE, times=1, **sorry(50011)),
        says="/signin/callback/",
    ),
    Broken(
        "the way out is not registered",
        "signin.signed_out",
        fault(path=AUTHORIZE, skip=1, times=1, **sorry(50011)),
        says="/signout/done/",
    ),
    Broken(
        "the assertion is refused",
        "signin.assertion",
        fault(path=TOKEN, **refused(700213)),
        says="AADSTS700213",
    ),
    Broken("the token endpoint is down", "signin.assertion", fault(path=TOKEN, status=503)),
    Broken("the sign-in client has rights", "signin.no_rights", sign_in_has_rights, says="User.Read.All"),
    *_claims(),
)

API = (
    Broken("the API is unknown", "api.client", setting("API_CLIENT_ID", NOBODY), says="setup_tenant --api"),
    Broken("the API has tokens of version 1", "api.tokens", registered(version=1), says="version 2"),
    Broken("the API names no version", "api.tokens", registered(version=None), says="version 2"),
    *(
        Broken(
            f"tokens for the API come without {name}",
            "api.tokens",
            registered(access_claims=[other for other in ("idtyp", "acct") if other != name]),
            says=f"lacks these claims: {name}",
        )
        for name in ("idtyp", "acct")
    ),
    Broken(
        "the API has no roles",
        "api.roles",
        registered(api_roles=[]),
        says=f"lacks these app roles: {', '.join(PERMISSIONS_OF_API)}",
    ),
    Broken(
        "the API lacks one role",
        "api.roles",
        registered(api_roles=PERMISSIONS_OF_API[:3]),
        says="lacks these app roles: Hooks.Manage",
    ),
)

EVERY_BREAK = (*OWN_SIDE, *IDENTITY, *POLICY, *FACTS, *_guards(), *MAIL, *SIGN_IN, *API)
