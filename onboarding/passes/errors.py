"""Why a confirmation gave no pass to show: one tree of exceptions below `PassNotIssued`. None of them holds a pass."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from onboarding import guards
from onboarding.errors import OnboardingError
from onboarding.models import PassIssue
from onboarding.passes.confirmation import ForeignPass
from onboarding.passes.graph_quota import Wait


class PassNotIssued(OnboardingError):
    """A confirmation ended without a pass to show."""

    message = _("No pass was created")


class RefusedByGuards(PassNotIssued):
    """Guards refused, and the refusal is recorded. `foreign` has the passes of other tools if only they are in the way."""

    def __init__(self, refusing: tuple[guards.Guard, ...], foreign: tuple[ForeignPass, ...] = ()) -> None:
        super().__init__(", ".join(guard.code for guard in refusing))
        self.guards: Final = refusing
        self.foreign: Final = foreign

    @property
    def needs_only_sign_in(self) -> bool:
        """Whether the manager only has to sign in again."""
        codes = {guard.code for guard in self.guards}
        return bool(codes) and codes <= guards.FIXED_BY_SIGNING_IN


class Queued(PassNotIssued):
    """The quota has no room yet. The manager has a position in the queue."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(f"position {wait.ahead + 1}")
        self.wait: Final = wait


class TryAgainLater(PassNotIssued):
    """No pass was created, for a temporary reason. `code` selects the text on the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code: Final = code


class PageOutdated(PassNotIssued):
    """The starter, the policy or the time changed after the manager loaded the page."""


class PassNotCreated(PassNotIssued):
    """The intent was committed, and there is no pass to show. The issue has the reason; a pass may still appear."""

    def __init__(self, issue: PassIssue) -> None:
        super().__init__(str(issue.pk))
        self.issue: Final = issue
