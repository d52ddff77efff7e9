"""A starter: one person's first day, from recorded to registered."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.lifecycle import OPEN_ISSUE, UNFINISHED, IssueState, StarterState
from onboarding.models.words import all_of

if TYPE_CHECKING:
    from onboarding.models.issue import PassIssue


def new_public_id() -> str:
    """128 random bits (a UUID has fewer): it names a starter in an address, and opens nothing by itself."""
    return secrets.token_urlsafe(16)


def in_need(lapsed_before: datetime) -> Q:
    """Unfinished with something in the way, or whose window is over: they started before `lapsed_before`."""
    return Q(state__in=UNFINISHED) & (~Q(problem="") | Q(starts_at__lt=lapsed_before))


class StarterQuerySet(models.QuerySet["Starter"]):
    def unfinished(self) -> StarterQuerySet:
        return self.filter(state__in=UNFINISHED)

    def needing_a_hand(self, lapsed_before: datetime) -> StarterQuerySet:
        return self.filter(in_need(lapsed_before))

    def of_manager(self, object_id: str) -> StarterQuerySet:
        """Starters whom this person may confirm, by the last reading: as their manager, or as who stands in for them."""
        if not object_id:
            return self.none()
        return self.filter(Q(manager_id=object_id, stand_in_id="") | Q(stand_in_id=object_id))

    def matching(self, words: str) -> StarterQuerySet:
        """Each word must stand in the name, the account name, the department or the manager's name."""
        return self.filter(*all_of(words, self.db))


class Starter(models.Model):
    """Who starts, when, and what the directory said of them when it was last read."""

    class State(models.TextChoices):
        RECORDED = StarterState.RECORDED.value, _("Recorded")
        INVITED = StarterState.INVITED.value, _("Manager invited")
        ISSUED = StarterState.ISSUED.value, _("Pass handed over")
        REGISTERED = StarterState.REGISTERED.value, _("Can sign in")
        WITHDRAWN = StarterState.WITHDRAWN.value, _("Withdrawn")

    class Problem(models.TextChoices):
        """What keeps an onboarding from going on by itself, as the portal last saw it."""

        NONE = "", ""
        ACCOUNT_MISSING = "account_missing", _("The account does not exist yet")
        ACCOUNT_FOUND = "account_found", _("An account was found: look whether it is the right one")
        ACCOUNT_GONE = "account_gone", _("The account is no longer in the directory")
        NO_MANAGER = "no_manager", _("The directory names no manager")
        NO_MAILBOX = "no_mailbox", _("The manager has no mailbox")
        MANAGER_RECORDED = "manager_recorded", _("The manager is the person who recorded the starter")
        ACCOUNT_CHANGED = "account_changed", _("The account is no longer what HR saw")
        MANAGER_CHANGED = "manager_changed", _("The directory names another manager than HR saw")
        REFUSED = "refused", _("The portal refused to make a pass")
        MAIL_FAILED = "mail_failed", _("The mail to the manager could not be sent")
        MAIL_REFUSED = "mail_refused", _("The manager’s address takes no mail")
        NO_STAND_IN = "no_stand_in", _("Whoever stands in is not the manager’s manager any more")

    public_id = models.CharField(
        _("public id"), max_length=32, unique=True, default=new_public_id, editable=False
    )
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RECORDED)
    # Each change counts one up; whoever acts on what they saw says which version that was.
    version = models.PositiveIntegerField(_("version"), default=1)
    problem = models.CharField(_("problem"), max_length=20, choices=Problem, default=Problem.NONE, blank=True)

    account_name = models.CharField(
        _("account"), max_length=120, help_text=_("The user principal name, in lower case.")
    )
    account_id = models.CharField(_("object id of the account"), max_length=36, blank=True, default="")
    found_account_id = models.CharField(
        _("object id of the account that was found"), max_length=36, blank=True, default=""
    )
    display_name = models.CharField(_("display name"), max_length=256, blank=True, default="")
    job_title = models.CharField(_("job title"), max_length=128, blank=True, default="")
    department = models.CharField(_("department"), max_length=128, blank=True, default="")
    employee_id = models.CharField(_("employee number"), max_length=64, blank=True, default="")
    hire_date = models.DateTimeField(_("hire date"), null=True, blank=True)
    manager_id = models.CharField(_("object id of the manager"), max_length=36, blank=True, default="")
    manager_name = models.CharField(_("manager"), max_length=256, blank=True, default="")
    manager_mail = models.CharField(_("manager’s address"), max_length=320, blank=True, default="")
    looked_at = models.DateTimeField(_("last looked at"), null=True, blank=True)
    # What HR saw when they said that this is the person, with this manager: see `guards.seen_of`.
    seen = models.JSONField(_("what HR saw"), default=dict, blank=True)
    first_manager_id = models.CharField(
        _("object id of the first manager"), max_length=36, blank=True, default=""
    )
    refused_for = models.JSONField(
        _("refused for"),
        default=list,
        blank=True,
        help_text=_("Codes of the guards that refused when they were last asked."),
    )

    # HR routed it past the manager to the manager's own manager: for whom, and to whom. See `in_charge.py`.
    stand_in_for = models.CharField(
        _("object id of the manager who is away"), max_length=36, blank=True, default="", db_default=""
    )
    stand_in_id = models.CharField(
        _("object id of the stand-in"), max_length=36, blank=True, default="", db_default=""
    )
    stand_in_name = models.CharField(_("stand-in"), max_length=256, blank=True, default="", db_default="")
    stand_in_mail = models.CharField(
        _("stand-in’s address"), max_length=320, blank=True, default="", db_default=""
    )

    # Kept as HR said it, local date and time with the zone's name: a zone's rules may change before the day.
    start_date = models.DateField(_("first day"))
    start_time = models.TimeField(_("start time"))
    time_zone = models.CharField(_("time zone"), max_length=64)
    starts_at = models.DateTimeField(
        _("start in UTC"), editable=False, help_text=_("The start in UTC, derived.")
    )
    note = models.CharField(_("note for the manager"), max_length=500, blank=True, default="")

    # Read by the worker where the tenant allows it, and only before our first pass.
    sign_in_looked_at = models.DateTimeField(_("last sign-in looked up"), null=True, blank=True)
    last_sign_in_at = models.DateTimeField(_("last sign-in"), null=True, blank=True)
    sign_in_told = models.BooleanField(
        _("last sign-in can be read"), default=False, help_text=_("The tenant lets the portal read it.")
    )
    first_pass_at = models.DateTimeField(_("first pass"), null=True, blank=True)

    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("recorded by")
    )
    # Object ids of all in HR who recorded, chose the account, set the time or allowed another pass.
    shaped_by = models.JSONField(_("object ids of all in HR who had a part"), default=list)
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now)
    invited_at = models.DateTimeField(_("manager invited"), null=True, blank=True)
    reminded_for = models.DateField(_("reminded of"), null=True, blank=True)
    escalated_for = models.DateField(_("others told for"), null=True, blank=True)
    schedule = models.PositiveIntegerField(
        _("schedule"),
        default=0,
        db_default=0,
        help_text=_("Counts how often the first day was moved, or everything began anew."),
    )
    extra_attempts = models.PositiveSmallIntegerField(_("further passes allowed"), default=0)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)

    # What the directory said when the manager opened the page; never kept.
    facts: Any = None

    objects = StarterQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "id"]
        verbose_name = _("starter")
        verbose_name_plural = _("starters")
        indexes = [
            models.Index(fields=["state", "starts_at", "id"], name="starter_by_state"),
            models.Index(fields=["manager_id", "state"], name="starter_by_manager"),
            models.Index(
                fields=["stand_in_id", "state"], name="starter_by_stand_in", condition=~Q(stand_in_id="")
            ),
            models.Index(fields=["starts_at", "id"], name="starter_by_start"),
            models.Index(fields=["start_date", "state"], name="starter_by_day"),
            # How many are in each state, and on which days: the list counts them at every look.
            models.Index(fields=["state", "start_date"], name="starter_kept", condition=Q(erased_at=None)),
            # Whether somebody was recorded before.
            models.Index(fields=["account_id"], name="starter_by_account"),
            models.Index(fields=["account_name"], name="starter_by_account_name"),
            models.Index(fields=["display_name"], name="starter_by_name"),
            models.Index(fields=["employee_id"], name="starter_by_employee"),
            # The lists count by state, and do not show who was erased.
            models.Index(
                fields=["state", "starts_at", "id"],
                name="starter_not_erased",
                condition=Q(erased_at__isnull=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account_id"],
                condition=Q(state__in=[s.value for s in sorted(UNFINISHED)]) & ~Q(account_id=""),
                name="one_unfinished_starter_an_account",
            ),
            models.UniqueConstraint(
                fields=["account_name"],
                condition=Q(state__in=[s.value for s in sorted(UNFINISHED)]) & Q(account_id=""),
                name="one_unfinished_starter_a_name",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in StarterState]), name="starter_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.starts_at = self.start_local.astimezone(ZoneInfo("UTC"))
        super().save(*args, **kwargs)

    @property
    def name(self) -> str:
        return self.display_name or self.account_name or gettext("(erased)")

    @property
    def manager_was_changed(self) -> bool:
        """HR has accepted another manager than the one they first saw."""
        return bool(self.seen.get("manager_id", "") != self.first_manager_id)

    @property
    def is_routed(self) -> bool:
        """HR lets the manager's own manager confirm in the manager's place."""
        return bool(self.stand_in_id)

    @property
    def in_charge_id(self) -> str:
        """Who may confirm, by the last reading of the directory."""
        return self.stand_in_id or self.manager_id

    @property
    def in_charge_name(self) -> str:
        return self.stand_in_name if self.is_routed else self.manager_name

    @property
    def in_charge_mail(self) -> str:
        return self.stand_in_mail if self.is_routed else self.manager_mail

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def start_local(self) -> datetime:
        """The start in the starter's own zone. An hour that the clocks skip moves forward."""
        wall = datetime.combine(self.start_date, self.start_time, tzinfo=self.zone)
        return wall.astimezone(ZoneInfo("UTC")).astimezone(self.zone)

    @property
    def start_words(self) -> str:
        return date_format(self.start_local, "LONG")

    @property
    def is_unfinished(self) -> bool:
        return StarterState(self.state) in UNFINISHED

    def open_issue(self) -> PassIssue | None:
        """The one issue of which a pass may be alive. Reads all of a starter's few issues: a list prefetches them."""
        return next((issue for issue in self.issues.all() if IssueState(issue.state) in OPEN_ISSUE), None)

    def last_issue(self) -> PassIssue | None:
        return max(self.issues.all(), key=lambda issue: issue.number, default=None)

    def window(self, before: timedelta, after: timedelta) -> tuple[datetime, datetime]:
        """When a pass can be made: from `before` the start to `after` it."""
        return self.starts_at - before, self.starts_at + after
