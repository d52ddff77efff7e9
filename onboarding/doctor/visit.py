"""One round of the doctor: what was found so far, and what is read once for several checks."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from onboarding import budget, graph, policy
from onboarding.graph.diagnosis import Diagnosis, Parts
from onboarding.graph.outcomes import Identity, Look, PassRules, Registration
from onboarding.models import PolicyVersion

Made = TypeVar("Made")


class Visit:
    """Given to every check. Nothing of it outlives the round."""

    def __init__(self, account: str = "") -> None:
        self.account = account.strip()
        self.states: dict[str, str] = {}
        self.told: list[Any] = []
        self._kept: dict[str, Any] = {}

    def keep(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` returns, made once a round."""
        if name not in self._kept:
            self._kept[name] = make()
        kept: Made = self._kept[name]
        return kept

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(graph.client())

    @cached_property
    def identity(self) -> Identity:
        """Who the portal is to Graph. Raises GraphError."""
        return self.diagnosis.identity()

    @cached_property
    def rules(self) -> PolicyVersion:
        return policy.in_force()

    @cached_property
    def policies(self) -> list[tuple[str, PolicyVersion]]:
        """Every policy in force, with the department whose it is; the site's own comes first, and has none."""
        own = PolicyVersion.objects.active().exclude(department="").order_by("department")
        departments = policy.of_departments(own.values_list("department", flat=True).distinct())
        return [("", self.rules), *departments.items()]

    @property
    def asks_for_context(self) -> bool:
        """Whether any policy wants a sign-in that met an authentication context."""
        return any(rules.step_up_context for _, rules in self.policies)

    @cached_property
    def pass_rules(self) -> tuple[Look, PassRules | None]:
        return self.diagnosis.pass_rules()

    @cached_property
    def parts(self) -> Parts:
        """All that the guards read of the test account, part by part."""
        return self.diagnosis.parts(self.account)

    @cached_property
    def wait_for_methods(self) -> float:
        """Take the one call of the scarce kind from the shared budget, or say in how many seconds it may be there."""
        return budget.take_for_work()

    def read_methods(self) -> Look:
        """Make the call that was taken."""
        try:
            return self.diagnosis.add_methods(self.parts)
        finally:
            budget.answered()

    def registration(self, client_id: str) -> Registration | None:
        """What is registered under this id, where the identity may read it: it need not."""
        if any(self.states.get(ground) != "ok" for ground in ("graph.reach", "identity.who")):
            return None
        return self.keep(f"registration {client_id}", lambda: self.diagnosis.registration(client_id))
