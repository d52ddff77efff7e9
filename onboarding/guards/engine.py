"""The guard type, and how a guard is asked."""

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
    """Where guards are asked. Nothing is refused before the last but what cannot come right by itself."""

    RECORDED = "recorded"  # HR is about to save: a refusal is a warning
    SENT = "sent"  # before the link is sent
    OPENED = "looked"  # when the manager opens the page
    CLICKED = "pressed"  # immediately before the POST: all of them


# Here it may not be known yet whether somebody signed in before: the worker reads that in its own time.
EARLY = frozenset({Place.RECORDED, Place.SENT, Place.OPENED})


@dataclass(frozen=True)
class Question:
    """All that a guard may look at."""

    starter: Starter
    facts: Facts
    person: Any  # who would confirm: tid, oid, is_admin; None while nobody is there yet
    signed_in_at: datetime | None
    policy: EffectivePolicy
    now: datetime
    place: Place = Place.CLICKED
    replacing: frozenset[str] = frozenset()  # passes of other tools that the manager has chosen to replace
    proof: Proof | None = None  # of a sign-in for this starter alone, where policy asks for one

    @property
    def account(self) -> Account:
        return self.facts.account

    @property
    def confirmer(self) -> Manager | None:
        """The manager in the directory, or the stand-in while HR's choice of them still holds."""
        return confirmer.find_confirmer(self.starter, self.facts.manager, self.facts.above)

    def identity_of(self, object_id: str) -> Identity:
        """This account with its employee number, as the directory says at this moment."""
        read = (self.account, self.facts.manager, self.facts.above)
        numbers = {person.object_id: person.employee_id for person in read if person is not None}
        return Identity(object_id, numbers.get(object_id) or self.facts.numbers.get(object_id, ""))

    @property
    def confirmer_id(self) -> str:
        """The object id of the person who confirms; before that, of the confirmer in the directory."""
        if self.person is not None:
            return str(self.person.oid)
        return self.confirmer.object_id if self.confirmer else ""


_UNREAD = _("The portal cannot check everything about this account.")


_UNREAD_HR = _(
    "The portal does not have a permission or licence that it needs for a check. Ask IT to run `manage.py "
    "doctor`, which shows what is missing. An admin can also change the policy so that the portal continues "
    "without this check."
)


@dataclass(frozen=True)
class Guard:
    """A check: its code for the audit, its title for admins, a sentence for the manager, and the reason with its fix
    for HR."""

    code: str
    title: Words
    passes: Callable[[Question], bool]
    for_manager: Words
    for_hr: Words
    alarming: bool = False  # security is notified when this guard refuses a click
    setting: str = ""  # the setting that switches it off, or says what follows where it cannot be read
    kept_from_us: Callable[[Question], bool] | None = (
        None  # the tenant does not let the portal read its facts
    )
    scarce: bool = False  # needs the account's methods, a scarce read: asked at the press only
    personal: bool = False  # about the person who confirms: asked when there is one
    at_click: bool = False  # about the moment of the press
    resolves_itself: bool = False  # may be false when the link is sent, and true on the day
    unread_for_hr: Words = ""  # the reason with its fix where its facts cannot be known; else a common one
    # The sentences for the manager and for HR, where they depend on the case.
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
        """The same guard with the words that fit the case."""
        if self.explain is None:
            return self
        for_manager, for_hr = self.explain(question)
        return replace(self, for_manager=for_manager, for_hr=for_hr)

    @property
    def unread_variant(self) -> Guard:
        """The same guard where the tenant keeps its facts from the portal, and policy does not let it go on."""
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
    UNREAD = "unread"  # the tenant keeps the facts from the portal, and policy wants them
    SKIPPED = "skipped"  # the tenant keeps the facts from the portal, and policy goes on without
    OFF = "off"


def evaluate_guard(guard: Guard, question: Question) -> Verdict:
    """What one guard says. A guard that fails refuses."""
    try:
        if (without := without_asking(guard, question)) is not None:
            return without
        return Verdict.HOLDS if guard.passes(question) is True else Verdict.REFUSES
    except Exception:  # fail closed: a guard that cannot answer has said no
        return Verdict.REFUSES


def without_asking(guard: Guard, question: Question) -> Verdict | None:
    """What is known before the guard itself is asked: that policy does without it, or the tenant keeps its facts."""
    wanted = getattr(question.policy, guard.setting) if guard.setting else True
    if wanted in {False, Check.OFF, HireDate.OFF}:
        return Verdict.OFF
    if guard.kept_from_us is not None and guard.kept_from_us(question):
        return Verdict.SKIPPED if wanted == Check.SKIP else Verdict.UNREAD
    return None
