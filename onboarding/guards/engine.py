"""The guard type, and how a guard is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from onboarding import confirmer
from onboarding.graph import Account, Facts, Manager
from onboarding.guards.step_up import Proof
from onboarding.i18n import Words
from onboarding.models import EffectivePolicy, Starter
from onboarding.models.policy_settings import Check, HireDate
from onboarding.participants import Identity


class Place(StrEnum):
    """Where guards are evaluated. Before the click, only a refusal that cannot resolve itself blocks."""

    RECORDED = "recorded"  # HR is about to save: a refusal is a warning
    SENT = "sent"  # before the link is sent
    OPENED = "looked"  # when the manager opens the page
    CLICKED = "pressed"  # immediately before the POST: all guards


# Here the sign-in activity may not be read yet: the worker reads it later.
EARLY = frozenset({Place.RECORDED, Place.SENT, Place.OPENED})


@dataclass(frozen=True)
class Question:
    """Everything that a guard may use."""

    starter: Starter
    facts: Facts
    person: (
        Any  # the person who would confirm, with tid, oid and is_admin; None if nobody has opened the page
    )
    signed_in_at: datetime | None
    policy: EffectivePolicy
    now: datetime
    place: Place = Place.CLICKED
    replacing: frozenset[str] = frozenset()  # passes of other tools that the manager chose to replace
    proof: Proof | None = None  # of a sign-in for this starter, if the policy asks for one
    stopped_accounts: frozenset[str] | None = None  # read once for several accounts; None: not read yet

    @property
    def account(self) -> Account:
        return self.facts.account

    @property
    def confirmer(self) -> Manager | None:
        """The manager in the directory, or the stand-in if HR's choice is still valid."""
        return confirmer.find_confirmer(self.starter, self.facts.manager, self.facts.above)

    def identity_of(self, object_id: str) -> Identity:
        """Return this account's identity with its current employee number in the directory."""
        read = (self.account, self.facts.manager, self.facts.above)
        numbers = {person.object_id: person.employee_id for person in read if person is not None}
        return Identity(object_id, numbers.get(object_id) or self.facts.numbers.get(object_id, ""))

    @property
    def confirmer_id(self) -> str:
        """The object id of the person who confirms; before that, of the confirmer in the directory."""
        if self.person is not None:
            return str(self.person.oid)
        return self.confirmer.object_id if self.confirmer else ""


_UNREAD = _("The portal cannot complete all its checks of this account.")


_UNREAD_HR = _(
    "The portal lacks a permission or licence for one of its checks. Ask IT to run `manage.py doctor` to "
    "see what is missing. An admin can also change the policy so that the portal continues without this "
    "check."
)


@dataclass(frozen=True)
class Guard:
    """A check, with a code for the audit log, a title for admins, and texts for the manager and HR.

    The text for HR has the reason and how to fix it.
    """

    code: str
    title: Words
    passes: Callable[[Question], bool]
    for_manager: Words
    for_hr: Words
    alarming: bool = False  # security is notified when this guard refuses a click
    setting: str = (
        ""  # the policy field that switches it off, or decides what happens if its data cannot be read
    )
    # Whether the tenant does not let the portal read its data.
    is_unreadable: Callable[[Question], bool] | None = None
    scarce: bool = False  # needs the account's methods, a scarce read: evaluated only at the click
    personal: bool = False  # about the person who confirms: evaluated only if there is one
    at_click: bool = False  # about the moment of the click
    resolves_itself: bool = False  # may be false when the link is sent, and true on the day
    unread_for_hr: Words = ""  # the text for HR if its data cannot be read; empty for the common text
    # Returns the texts for the manager and HR, if they depend on the case.
    explain: Callable[[Question], tuple[Words, Words]] | None = None

    def is_asked_at(self, place: Place) -> bool:
        match place:
            case Place.CLICKED:
                return True
            case Place.OPENED:
                return not self.scarce and not self.at_click
            case _:
                return not self.scarce and not self.at_click and not self.personal

    def with_explanation(self, question: Question) -> Guard:
        """Return the same guard with the texts for this case."""
        if self.explain is None:
            return self
        for_manager, for_hr = self.explain(question)
        return replace(self, for_manager=for_manager, for_hr=for_hr)

    @property
    def unread_variant(self) -> Guard:
        """The guard to show if its data cannot be read, and the policy does not allow to continue without it."""
        return replace(
            self,
            code=f"{self.code}.unread",
            for_manager=_UNREAD,
            for_hr=self.unread_for_hr or _UNREAD_HR,
            alarming=False,
        )


class Verdict(StrEnum):
    HOLDS = "holds"
    REFUSES = "refuses"
    UNREAD = "unread"  # the data cannot be read, and the policy requires the check
    SKIPPED = "skipped"  # the data cannot be read, and the policy continues without the check
    OFF = "off"


def evaluate_guard(guard: Guard, question: Question) -> Verdict:
    """Return the verdict of one guard. A guard that raises an error refuses."""
    try:
        if (known := verdict_without_check(guard, question)) is not None:
            return known
        return Verdict.HOLDS if guard.passes(question) is True else Verdict.REFUSES
    except Exception:  # fail closed: a guard that raises an error refuses
        return Verdict.REFUSES


def verdict_without_check(guard: Guard, question: Question) -> Verdict | None:
    """Return the verdict if it needs no check: the policy switched the guard off, or its data cannot be read."""
    setting = getattr(question.policy, guard.setting) if guard.setting else True
    if setting in {False, Check.OFF, HireDate.OFF}:
        return Verdict.OFF
    if guard.is_unreadable is not None and guard.is_unreadable(question):
        return Verdict.SKIPPED if setting == Check.SKIP else Verdict.UNREAD
    return None
