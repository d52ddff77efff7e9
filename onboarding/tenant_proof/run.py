"""One run of the command: what it may use, and the small quotas of Microsoft that it shares with the portal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from onboarding import graph
from onboarding.graph.diagnostics.tenant_answers import TenantAnswers
from onboarding.passes import graph_quota, sign_in_quota

# How long a check waits for a free call: managers and the worker come first.
LONGEST_WAIT = 120.0


class QuotaUnavailable(Exception):
    """The portal needed all calls that Microsoft allows, for as long as the check could wait."""


@dataclass
class ProofRun:
    """What the operator asked for, and what the checks share."""

    accounts: tuple[str, ...] = ()  # object ids of accounts that are only read
    probe_account: str = ""  # the object id of the test account for probe passes
    sends_mail: bool = False
    watched_permission: str = ""
    watched_starter: str = ""  # the object id of the starter of a real hand-over
    watch_seconds: float = 1800.0
    say: Callable[[str], object] = lambda _: None  # progress for the operator
    pause: Callable[[float], object] = time.sleep
    notes: dict[str, object] = field(default_factory=dict)  # what a later check needs from an earlier one

    @property
    def client(self) -> graph.Graph:
        return graph.client()

    @property
    def answers(self) -> TenantAnswers:
        return TenantAnswers(self.client)

    @property
    def first_account(self) -> str:
        """The account that the reads are about; empty if the operator named none."""
        return next(iter(self.all_accounts), "")

    @property
    def all_accounts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(account for account in (self.probe_account, *self.accounts) if account))

    @contextmanager
    def method_calls(self, calls: int = 1) -> Iterator[None]:
        """Take calls about sign-in methods from the shared quota. Raises QuotaUnavailable."""
        self._wait(lambda: graph_quota.acquire_for_worker(calls))
        try:
            yield
        except graph.Throttled as error:
            graph_quota.back_off(error.retry_after)
            raise
        finally:
            graph_quota.mark_answered(calls)

    @contextmanager
    def sign_in_call(self) -> Iterator[None]:
        """Take one call for sign-in activity from the shared quota. Raises QuotaUnavailable."""
        self._wait(sign_in_quota.acquire_call)
        try:
            yield
        except graph.Throttled as error:
            sign_in_quota.back_off(error.retry_after)
            raise
        finally:
            sign_in_quota.mark_answered()

    def _wait(self, acquire: Callable[[], float]) -> None:
        waited = 0.0
        while (seconds := acquire()) > 0:
            if waited >= LONGEST_WAIT:
                raise QuotaUnavailable
            self.pause(seconds)
            waited += seconds
