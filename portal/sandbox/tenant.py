"""The tenant: all its state, reset, and saving to a file."""

from __future__ import annotations

import json
import os
import secrets
import threading
import uuid
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from portal.sandbox.audit_log import AuditLog, LoggedActivity, application_initiator, person_initiator
from portal.sandbox.clock import Clock, graph_seconds
from portal.sandbox.faults import Faults
from portal.sandbox.options import Limit, Options
from portal.sandbox.people import CAST, EVERYONE, GROUPS, NO_PASSES, Group, starter_person
from portal.sandbox.records import Account, Mail, Pass, account_of, digest_of, help_desk_code, new_salt
from portal.sandbox.registrations import Registrations, prepared_registrations
from portal.sandbox.sessions import Sessions
from portal.sandbox.throttle import Throttle, Window
from portal.sandbox.tokens import KeyRing
from portal.sandbox.web import Json

GRANTED = (
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.Read.All",
    "User.Read.All",
    "Policy.Read.AuthenticationMethod",
    "RoleManagement.Read.Directory",
    "GroupMember.Read.All",
    "AuditLog.Read.All",
    "PrivilegedEligibilitySchedule.Read.AzureADGroup",
)
POLICY: dict[str, Any] = {
    "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
    "id": "TemporaryAccessPass",
    "state": "enabled",
    "defaultLifetimeInMinutes": 60,
    "defaultLength": 12,
    "minimumLifetimeInMinutes": 10,
    "maximumLifetimeInMinutes": 480,
    "isUsableOnce": False,
    "excludeTargets": [{"id": NO_PASSES.object_id, "targetType": "group"}],
    "includeTargets": [{"id": "all_users", "targetType": "group", "isRegistrationRequired": False}],
}
# Microsoft's defaults for a new tenant.
FIRST_POLICY: dict[str, Any] = {
    **POLICY,
    "state": "disabled",
    "defaultLength": 8,
    "minimumLifetimeInMinutes": 60,
    "excludeTargets": [],
}
MAILS_KEPT, REQUESTS_KEPT = 10_000, 50_000


class Tenant:
    """All state behind one lock. A request holds it while it works, never while it waits."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.keys = KeyRing()
        self.token_generation = secrets.token_hex(4)  # a token of another generation is refused
        # Tests can collect every code here to prove that it is nowhere else. Never saved, never served.
        self.witness: list[str] | None = None
        self._start_over()
        if options.state_file and options.state_file.exists():
            self._restore(json.loads(options.state_file.read_text()))
        else:
            self.save()

    def reset(self) -> None:
        """Start again with the original people, without mails and faults."""
        with self.lock:
            self.faults.end_all()
            self._start_over()
            self.save()

    def _start_over(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.sessions = Sessions()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)
        self.throttle = Throttle(self.options.tap_limit)
        self.granted = set(GRANTED)
        self.policy = json.loads(json.dumps(POLICY))
        self.registrations = prepared_registrations(self.options)
        self.second_post = "replace"
        self.sign_in_lists = True  # whether `id in (…)` may be asked together with the sign-in activity
        self.list_page: int | None = None  # at most so many accounts on one page of a list
        self.token_lifetime = 86399
        self.id_token_changes: dict[str, Any] = {}
        # By authentication context: who meets it. One that is not here has no policy, and Entra grants it to everybody.
        self.contexts: dict[str, list[str]] = {}
        # A Conditional Access policy asks these people for more: single sign-on is not enough for them.
        self.interaction: list[str] = []
        self.certificates: list[str] = []
        self.mails: list[Mail] = []
        self.passes: list[Pass] = []
        self.audit_log = AuditLog()
        now = self.clock.now()
        self.accounts = {person.key: account_of(person, now) for person in CAST}
        # A cache by name, because searching thousands of accounts is slow.
        self._found: dict[str, Account] = {}
        for person in CAST:
            if person.has_pass:
                salt, digest = help_desk_code()
                self.passes.append(
                    Pass(str(uuid.uuid4()), person.key, now - 300, now - 300, 480, True, salt, digest)
                )

    # --- Looking things up ------------------------------------------------------------------------------

    def permissions_of(self, principal_id: str) -> set[str]:
        """The permissions in Graph of an application, by its service principal. Those of the portal can change."""
        if principal_id == self.options.portal_principal_id:
            return self.granted
        return set(self.registrations.other_grants.get(principal_id, []))

    def find_account(self, name: str) -> Account | None:
        """By object id or user principal name, as Graph does; an expected account is not found yet."""
        wanted = name.lower()
        known = self._found.get(wanted)
        if known is None or not known.is_called(wanted):  # the cached account may have another name by now
            known = next((account for account in self.accounts.values() if account.is_called(wanted)), None)
            if known is not None:
                self._found[wanted] = known
        return known

    def existing_accounts(self) -> list[Account]:
        return [account for account in self.accounts.values() if account.exists]

    def manager_of(self, account: Account) -> Account | None:
        manager = self.accounts.get(account.manager or "")
        return manager if manager and manager.exists else None

    def group_ids(self, account: Account) -> set[str]:
        names = {EVERYONE.name, *account.groups} if not account.is_external else set(account.groups)
        return {group.object_id for group in self.groups if group.name in names}

    def pass_of(self, account: Account) -> Pass | None:
        """The one pass an account can have, live or used up."""
        return next((found for found in self.passes if found.person == account.key and not found.ended), None)

    def roles_of_person(self, application: Json, account: Account) -> list[str]:
        """App roles in the person's tokens: assigned to the person, or to a group with the person as a direct member."""
        resource = self.registrations.principal_of(application["appId"]) or {"id": None}
        groups = self.group_ids(account)
        by_group = {
            each["appRoleId"]
            for each in self.registrations.assignments
            if each["resourceId"] == resource["id"] and each["principalId"] in groups
        }
        return [
            role["value"]
            for role in application["appRoles"]
            if "User" in role["allowedMemberTypes"]
            and (role["value"] in account.app_roles or role["id"] in by_group)
        ]

    @property
    def groups(self) -> list[Group]:
        return [*GROUPS, *self.registrations.groups]

    # --- Passes -------------------------------------------------------------------------------------------

    def add_pass(
        self,
        account: Account,
        created: float,
        start: float,
        lifetime: int,
        once: bool,
        code: str,
        by: str = "",
    ) -> Pass:
        salt = new_salt()
        made = Pass(
            str(uuid.uuid4()), account.key, created, start, lifetime, once, salt, digest_of(code, salt), by
        )
        self.passes.append(made)
        return made

    def log_activity(
        self, activity: str, reason: str, account: Account, *, by: str, operation: str = "Update"
    ) -> LoggedActivity:
        """Write to Entra's audit log what `by`, the object id of a person or an application, did to an account."""
        doer = next((found for found in self.accounts.values() if found.id == by), None)
        name = "Starter pass portal" if by == self.options.portal_principal_id else "Another application"
        return self.audit_log.add(
            self.clock.now(),
            activity,
            reason,
            target=(account.id, account.user_principal_name),
            app=None if doer else application_initiator(by, name),
            user=person_initiator(doer.id, doer.user_principal_name) if doer else None,
            operation=operation,
        )

    def unusable_because(self, found: Pass) -> str | None:
        """Graph's reason why a pass cannot be used now; None if it can."""
        now = self.clock.now()
        if not self.in_scope(self.accounts[found.person]):
            return "DisabledByPolicy"
        if found.used is not None and found.once:
            return "OneTimeUsed"
        if now >= found.end:
            return "Expired"
        if now < found.start:
            return "NotYetValid"
        if self.policy["isUsableOnce"] and not found.once:
            return "DisabledByPolicy"
        return None

    def contexts_met_by(self, account: Account, asked: tuple[str, ...]) -> tuple[str, ...]:
        """The requested authentication contexts whose policies this person meets."""
        return tuple(name for name in asked if account.key in self.contexts.get(name, [account.key]))

    def in_scope(self, account: Account) -> bool:
        """Whether the pass policy is on and includes this person; an exclusion wins."""
        named = {account.id, *self.group_ids(account)}
        included = any(target["id"] in {"all_users", *named} for target in self.policy["includeTargets"])
        excluded = any(target["id"] in named for target in self.policy["excludeTargets"])
        return self.policy["state"] == "enabled" and included and not excluded

    # --- Changes ------------------------------------------------------------------------------------------

    def create_expected_account(self, key: str) -> None:
        """Create an expected account in the directory now."""
        account = self.accounts[key]
        account.exists = True
        account.properties["createdDateTime"] = graph_seconds(self.clock.now())

    def undo_set_up(self) -> None:
        """Remove the set-up for the portal: registrations, identity, permissions, people's roles and pass policy."""
        self.registrations, self.granted = Registrations(), set()
        for account in self.accounts.values():
            account.app_roles = []
        self.policy = json.loads(json.dumps(FIRST_POLICY))

    def add_starter(self, key: str, name: str, manager: str = "maria") -> Account:
        number = 1000 + len(self.accounts)
        newcomer = starter_person(key, number, name, "Employee", "", manager=manager)
        self.accounts[key] = account_of(newcomer, self.clock.now())
        self._found.clear()
        return self.accounts[key]

    def expire_tokens(self) -> None:
        self.token_generation = secrets.token_hex(4)

    def limit_passes(self, limit: Limit | None) -> None:
        self.throttle = Throttle(limit)

    def limit_sign_in_activity(self, limit: Limit | None) -> None:
        self.throttle.sign_in_activity = Window(limit)

    # --- Saving --------------------------------------------------------------------------------

    def save(self) -> None:
        """Whole or not at all: written beside the file, then moved over it."""
        path = self.options.state_file
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(self._as_document(), file)
        Path(beside).replace(path)

    def _as_document(self) -> dict[str, Any]:
        return {
            "key": self.keys.private_pem(),
            "generation": self.token_generation,
            "ahead": self.clock.ahead,
            "granted": sorted(self.granted),
            "policy": self.policy,
            "set_up_for": self._set_up_for,
            "registrations": self.registrations.as_document(),
            "second_post": self.second_post,
            "contexts": self.contexts,
            "certificates": self.certificates,
            "accounts": [asdict(account) for account in self.accounts.values()],
            "passes": [asdict(found) for found in self.passes],
            "mails": [asdict(mail) for mail in self.mails],
            "audit_log": [asdict(entry) for entry in self.audit_log.entries],
        }

    @property
    def _set_up_for(self) -> list[str]:
        options = self.options
        return [
            options.identity_client_id,
            options.sign_in_client_id,
            options.api_client_id,
            options.portal_url,
        ]

    def _restore(self, document: dict[str, Any]) -> None:
        self.keys = KeyRing(document["key"])
        self.token_generation = document["generation"]
        self.clock.ahead = document["ahead"]
        self.granted = set(document["granted"])
        self.policy = document["policy"]
        if document.get("set_up_for") == self._set_up_for:
            self.registrations = Registrations.from_document(document["registrations"])
        self.second_post = document["second_post"]
        self.contexts = document.get("contexts", {})
        self.certificates = document["certificates"]
        self._found = {}
        self.accounts.update({found["key"]: Account(**found) for found in document["accounts"]})
        self.passes = [Pass(**found) for found in document["passes"]]
        self.mails = [Mail(**found) for found in document["mails"]]
        self.audit_log.entries = [LoggedActivity(**found) for found in document.get("audit_log", ())]
