"""One run of the doctor: the results so far, and what several checks share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from onboarding import clock, graph, policy
from onboarding.graph.diagnostics.probe_results import Identity, PassRules, ReadResult, Registration
from onboarding.graph.diagnostics.probes import AccountParts, Diagnosis
from onboarding.models import EffectivePolicy, PolicyVersion, SitePolicy
from onboarding.passes import graph_quota, sign_in_quota

Cached = TypeVar("Cached")


class DoctorRun:
    """Passed to each check. Nothing is kept after the run."""

    def __init__(self, account: str = "") -> None:
        self.account = account.strip()
        self.states: dict[str, str] = {}
        self.results: list[Any] = []
        self._cache: dict[str, Any] = {}

    def cached(self, name: str, make: Callable[[], Cached]) -> Cached:
        """What `make` returns; it is called once a run."""
        if name not in self._cache:
            self._cache[name] = make()
        value: Cached = self._cache[name]
        return value

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(graph.client())

    @cached_property
    def identity(self) -> Identity:
        """The portal's identity in Graph. Raises GraphError."""
        return self.diagnosis.read_identity()

    @cached_property
    def rules(self) -> SitePolicy:
        return policy.for_site()

    @cached_property
    def policies(self) -> list[tuple[str, EffectivePolicy]]:
        """Each active policy with its department; the site's policy comes first, without one."""
        own = PolicyVersion.objects.ever_active(clock.now()).exclude(department="").order_by("department")
        departments = policy.for_departments(["", *own.values_list("department", flat=True).distinct()])
        return list(departments.items())

    @property
    def asks_for_context(self) -> bool:
        """Whether any policy requires an authentication context."""
        return any(rules.step_up_context for _, rules in self.policies)

    @cached_property
    def pass_rules(self) -> tuple[ReadResult, PassRules | None]:
        return self.diagnosis.read_pass_rules()

    @cached_property
    def parts(self) -> AccountParts:
        """What the guards read of the test account, part by part."""
        return self.diagnosis.read_account(self.account)

    @cached_property
    def wait_for_methods(self) -> float:
        """Take one call from Graph's quota. Returns 0, or the seconds until a call may be free."""
        return graph_quota.acquire_for_worker()

    def read_methods(self) -> ReadResult:
        """Make the call that was taken from the quota."""
        try:
            return self.diagnosis.add_methods(self.parts)
        finally:
            graph_quota.mark_answered()

    @cached_property
    def wait_for_sign_ins(self) -> float:
        """Take one call from the quota of sign-in activity. Returns 0, or the seconds until a call may be free."""
        return sign_in_quota.acquire_call(leave=sign_in_quota.CLICKS_LEAVE)

    def read_sign_ins(self) -> ReadResult:
        """Make the call that was taken from the quota."""
        try:
            return self.diagnosis.add_sign_ins(self.parts)
        finally:
            sign_in_quota.mark_answered()

    def registration(self, client_id: str) -> Registration | None:
        """The app registration with this id; None if the identity may not read it, which is optional."""
        if any(self.states.get(ground) != "ok" for ground in ("graph.reach", "identity.who")):
            return None
        return self.cached(f"registration {client_id}", lambda: self.diagnosis.read_registration(client_id))
