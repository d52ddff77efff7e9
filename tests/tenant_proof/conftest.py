"""A tenant that is proven: a named test account, a worker, and no waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onboarding.models import GraphBudget, SignInBudget
from onboarding.tenant_proof.findings import Finding
from onboarding.tenant_proof.run import ProofRun
from onboarding.tenant_proof.runner import run_checks
from portal.sandbox.people import BY_KEY
from portal.sandbox.server import Sandbox

Prove = Callable[..., dict[str, Finding]]


def free_quota(_: float = 0) -> None:
    """Instead of waiting: as if the quota's time had passed."""
    GraphBudget.objects.update(recent=[], on_their_way=[], paused_until=None)
    SignInBudget.objects.update(recent=[], on_their_way=[], paused_until=None)


@pytest.fixture
def named(policy_says: Callable[..., Any], worker_alive: None) -> Callable[..., None]:
    """Two admins agree that these people of the cast are test accounts for probe passes."""
    return lambda *keys: policy_says(probe_accounts="\n".join(BY_KEY[key].object_id for key in keys))


@pytest.fixture
def prove(tenant: Sandbox) -> Prove:
    """Run checks against the sandbox, and return the findings by name. `probe` and `accounts` are keys of the cast."""

    def proven(
        *checks: str, probe: str = "", accounts: tuple[str, ...] = (), **how: Any
    ) -> dict[str, Finding]:
        run = ProofRun(
            probe_account=BY_KEY[probe].object_id if probe else "",
            accounts=tuple(BY_KEY[key].object_id for key in accounts),
            **{"pause": free_quota, **how},
        )
        free_quota()
        return {check.name: finding for check, finding in run_checks(run, checks)}

    return proven
