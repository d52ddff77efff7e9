"""A starter: one person's first day, from recorded to registered."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Func, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.lifecycle import OPEN_ISSUE, UNFINISHED, IssueState, StarterState
from onboarding.models import starter_search
from onboarding.models.hire_date import hire_day

if TYPE_CHECKING:
    from onboarding.models.pass_issue import PassIssue


NAME_FIELDS = {*starter_search.SEARCHED_FIELDS, "erased_at"}  # the search words are made of these


def new_public_id() -> str:
    """128 random bits (a UUID has fewer). It identifies a starter in an address, and gives no access by itself."""
    return secrets.token_urlsafe(16)


def needs_attention(lapsed: Q) -> Q:
    """Match unfinished starters with a problem, or whose window has closed (`lapsed`: `timetable.window_has_closed`)."""
    return Q(state__in=UNFINISHED) & (~Q(problem="") | lapsed)


# With its value in the SQL: SQLite compares the text of a partial index, and cannot see a parameter.
HAS_STAND_IN = Q(
    Func(F("stand_in_id"), template="NOT (%(expressions)s = '')", output_field=models.BooleanField())
)


def has_confirmer(object_id: str) -> Q:
    """Match starters that this person can confirm, as manager or stand-in, by the last read of the directory."""
    return Q(manager_id=object_id, stand_in_id="") | (HAS_STAND_IN & Q(stand_in_id=object_id))


# Conditions of partial indexes, with their values in the SQL: SQLite compares its text, and cannot see a parameter.
IS_OPEN = Q(
    Func(
        F("state"),
        template="%(expressions)s IN ('recorded', 'invited', 'issued')",
        output_field=models.BooleanField(),
    )
)
HAS_PROBLEM = Q(Func(F("problem"), template="NOT (%(expressions)s = '')", output_field=models.BooleanField()))
HAS_SOURCE = Q(Func(F("source"), template="NOT (%(expressions)s = '')", output_field=models.BooleanField()))
_PLACE = (
    "starts_at",
    "id",
    "start_date",
)  # the order of the list, and what its filters and counts need beside it
_LISTED = Q(erased_at__isnull=True)
_LISTED_OPEN = _LISTED & Q(state__in=("recorded", "invited", "issued"))


class StarterQuerySet(models.QuerySet["Starter"]):
    def unfinished(self) -> StarterQuerySet:
        return self.filter(state__in=UNFINISHED)

    def of_confirmer(self, object_id: str) -> StarterQuerySet:
        return self.filter(has_confirmer(object_id)) if object_id else self.none()

    def matching_words(self, words: str) -> StarterQuerySet:
        """Find starters by words. Each must begin a word of the name, account name, department, confirmer or manager."""
        return self.filter(*starter_search.match_conditions(words, self.db))

    # --- A change of names updates the search words in the same transaction ----------------------------------------

    def update(self, **values: Any) -> int:
        if not NAME_FIELDS & values.keys():
            return super().update(**values)
        with transaction.atomic(using=self.db, savepoint=False):
            renamed = self._renamed_by(values)
            count = super().update(**values)
            if renamed:
                starter_search.index_starters(Starter.objects.using(self.db).filter(pk__in=renamed))
        return count

    def _renamed_by(self, values: dict[str, Any]) -> list[int]:
        """Lock the rows, and return those whose names these values change. An expression counts as a change."""
        written = NAME_FIELDS & values.keys()
        rows = self.order_by().select_for_update(no_key=True).values("pk", *written)
        return [row["pk"] for row in rows if any(row[name] != values[name] for name in written)]

    def bulk_create(self, objs: Iterable[Starter], *args: Any, **how: Any) -> list[Starter]:
        with transaction.atomic(using=self.db, savepoint=False):
            made = super().bulk_create(objs, *args, **how)
            for start in range(0, len(made), starter_search.BATCH_SIZE):
                pks = [row.pk for row in made[start : start + starter_search.BATCH_SIZE]]
                starter_search.index_starters(Starter.objects.using(self.db).filter(pk__in=pks))
        return made


class Starter(models.Model):
    """One starter: who, when, and what the directory said when it was last read."""

    class State(models.TextChoices):
        RECORDED = StarterState.RECORDED.value, _("Added")
        INVITED = StarterState.INVITED.value, _("Manager invited")
        ISSUED = StarterState.ISSUED.value, _("Pass handed over")
        REGISTERED = StarterState.REGISTERED.value, _("Can sign in")
        WITHDRAWN = StarterState.WITHDRAWN.value, _("Withdrawn")
        LAPSED = StarterState.LAPSED.value, _("Not completed")

    class Problem(models.TextChoices):
        """What blocks an onboarding, by the last check."""

        NONE = "", ""
        ACCOUNT_MISSING = "account_missing", _("The account does not exist yet")
        ACCOUNT_FOUND = "account_found", _("An account was found. Check whether it is the right one")
        ACCOUNT_GONE = "account_gone", _("The account is no longer in Entra")
        NO_MANAGER = "no_manager", _("No manager is set in Entra")
        NO_MAILBOX = "no_mailbox", _("The manager has no mailbox")
        MANAGER_RECORDED = "manager_recorded", _("The manager added or changed this starter")
        ACCOUNT_CHANGED = "account_changed", _("The account has changed since HR checked it")
        MANAGER_CHANGED = (
            "manager_changed",
            _("The manager in Entra has changed since HR checked the account"),
        )
        REFUSED = "refused", _("The portal cannot create a pass for this account")
        MAIL_FAILED = "mail_failed", _("The email to the manager could not be sent")
        MAIL_REFUSED = "mail_refused", _("The manager’s email address does not accept emails")
        NOT_REGISTERED = "not_registered", _("The pass was used, but no sign-in method was registered")
        NO_STAND_IN = "no_stand_in", _("The stand-in is no longer the manager’s manager")
        STOPPED = "stopped", _("An emergency stop is in force")

    public_id = models.CharField(
        _("ID in web addresses"), max_length=32, unique=True, default=new_public_id, editable=False
    )
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RECORDED)
    # Optimistic locking: each change counts one up, and a form carries the version that it was made from.
    version = models.PositiveIntegerField(_("version of this record"), default=1)
    problem = models.CharField(_("problem"), max_length=20, choices=Problem, default=Problem.NONE, blank=True)

    account_name = models.CharField(
        _("account"), max_length=120, help_text=_("The user principal name, in lower case.")
    )
    account_id = models.CharField(_("object ID of the account"), max_length=36, blank=True, default="")
    found_account_id = models.CharField(
        _("object ID of the account that was found"), max_length=36, blank=True, default=""
    )
    display_name = models.CharField(_("display name"), max_length=256, blank=True, default="")
    job_title = models.CharField(_("job title"), max_length=128, blank=True, default="")
    department = models.CharField(_("department"), max_length=128, blank=True, default="")
    employee_id = models.CharField(_("employee number"), max_length=64, blank=True, default="")
    hire_date = models.DateTimeField(_("hire date"), null=True, blank=True)
    manager_id = models.CharField(_("object ID of the manager"), max_length=36, blank=True, default="")
    manager_name = models.CharField(_("manager"), max_length=256, blank=True, default="")
    manager_mail = models.CharField(_("manager’s email address"), max_length=320, blank=True, default="")
    looked_at = models.DateTimeField(_("last read from Entra"), null=True, blank=True)
    # The identity snapshot that HR reviewed: see `guards.identity_snapshot`.
    seen = models.JSONField(_("details that HR checked"), default=dict, blank=True)
    first_manager_id = models.CharField(
        _("object ID of the original manager"), max_length=36, blank=True, default=""
    )
    refused_for = models.JSONField(
        _("checks that refused a pass"),
        default=list,
        blank=True,
        help_text=_("Codes of the checks (“guards”) that refused a pass when the portal last checked."),
    )
    # About the problem above; `obstacles` is the only writer. Empty if a change, not a check, set the problem.
    answer_event = models.BigIntegerField(
        _("audit event of the problem"),
        null=True,
        blank=True,
        help_text=_("The reference number for questions about the problem."),
    )
    hr_notified_at = models.DateTimeField(_("HR notified of the problem"), null=True, blank=True)

    # The stand-in that HR assigned, and the manager they replace. See `confirmer.py`.
    stand_in_for = models.CharField(
        _("object ID of the manager who is away"), max_length=36, blank=True, default="", db_default=""
    )
    stand_in_id = models.CharField(
        _("object ID of the stand-in"), max_length=36, blank=True, default="", db_default=""
    )
    stand_in_name = models.CharField(_("stand-in"), max_length=256, blank=True, default="", db_default="")
    stand_in_mail = models.CharField(
        _("stand-in’s email address"), max_length=320, blank=True, default="", db_default=""
    )

    # As HR entered it: local date and time with the zone's name, because a zone's rules may change before the day.
    start_date = models.DateField(_("start date"))
    start_time = models.TimeField(_("start time"))
    time_zone = models.CharField(_("time zone"), max_length=64)
    starts_at = models.DateTimeField(
        _("start in UTC"),
        editable=False,
        help_text=_("Calculated from the start date, start time and time zone."),
    )
    note = models.CharField(_("note for the manager"), max_length=500, blank=True, default="")

    # The last version of the calendar entry that was written (SEQUENCE of RFC 5545), and a hash of what it said.
    calendar_sequence = models.PositiveIntegerField(
        _("version of the calendar entry"), default=0, db_default=0, editable=False
    )
    calendar_said = models.CharField(
        _("hash of the calendar entry"), max_length=64, blank=True, default="", db_default="", editable=False
    )

    # Read where the tenant allows it, and only before our first pass: see `passes/sign_ins.py`.
    sign_in_looked_at = models.DateTimeField(_("last sign-in read at"), null=True, blank=True)
    last_sign_in_at = models.DateTimeField(_("last sign-in"), null=True, blank=True)
    last_attempt_at = models.DateTimeField(
        _("last attempt to sign in"),
        null=True,
        blank=True,
        help_text=_("Includes failed sign-ins. Anyone can cause a failed sign-in."),
    )
    sign_in_told = models.BooleanField(
        _("last sign-in can be read"),
        default=False,
        help_text=_("Shows whether the portal had permission when it last tried to read the last sign-in."),
    )
    # Since when a manager waits for the reading, and when Microsoft's answer last left this account out.
    sign_in_awaited_at = models.DateTimeField(_("waiting for sign-in check since"), null=True, blank=True)
    sign_in_missed_at = models.DateTimeField(_("sign-in check last failed"), null=True, blank=True)
    first_pass_at = models.DateTimeField(_("first pass"), null=True, blank=True)

    # None until HR accepts what another system added: an application is not a person.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("added by"),
    )
    # The system whose ticket added the starter. Empty for most, so that their events cost no look at the tickets.
    source = models.CharField(
        _("source"), max_length=32, blank=True, default="", db_default="", editable=False
    )
    # Object ids of all in HR who recorded, chose the account, set the time or allowed another pass.
    shaped_by = models.JSONField(_("object IDs of the HR staff who were involved"), default=list)
    recorded_at = models.DateTimeField(_("added"), default=timezone.now)
    invited_at = models.DateTimeField(_("manager invited"), null=True, blank=True)
    reminded_for = models.DateField(_("reminder sent for start date"), null=True, blank=True)
    escalated_for = models.DateField(_("escalation sent for start date"), null=True, blank=True)
    schedule = models.PositiveIntegerField(
        _("number of schedule changes"),
        default=0,
        db_default=0,
        help_text=_("Counts how often the start date was changed or the onboarding started again."),
    )
    extra_attempts = models.PositiveSmallIntegerField(_("extra passes allowed"), default=0)
    # Set while an emergency stop is in force: see `onboarding/stops/`.
    stopped_at = models.DateTimeField(_("emergency stop"), null=True, blank=True)
    # A keyed hash of the stop code that HR got last. The code itself is stored nowhere.
    stop_code_hash = models.CharField(
        _("keyed hash of the stop code"), max_length=64, blank=True, default="", db_default="", editable=False
    )
    stop_code_made_at = models.DateTimeField(_("stop code created"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    erased_at = models.DateTimeField(_("personal details erased"), null=True, blank=True)

    # Texts copied from the directory. `account_name`, `hire_date` and `looked_at` are copied with them.
    DIRECTORY_FIELDS = (
        "display_name", "job_title", "department", "employee_id", "manager_id", "manager_name", "manager_mail",
    )  # fmt: skip
    STAND_IN_FIELDS = ("stand_in_for", "stand_in_id", "stand_in_name", "stand_in_mail")
    # Personal texts, which are emptied when the starter is erased; `account_name` is replaced.
    PERSONAL_FIELDS = (
        "account_id", "found_account_id", *DIRECTORY_FIELDS, "first_manager_id", "note", *STAND_IN_FIELDS,
        "calendar_said",
    )  # fmt: skip
    # What a check changes. `obstacles` writes these together.
    CHECK_RESULT_FIELDS = ("problem", "refused_for", "answer_event", "hr_notified_at")
    # What the directory said when the manager opened the page; never saved.
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
            # The list counts by state and by day in each request.
            models.Index(fields=["state", "start_date"], name="starter_kept", condition=Q(erased_at=None)),
            models.Index(
                fields=["sign_in_awaited_at"],
                name="starter_awaited",
                condition=Q(sign_in_awaited_at__isnull=False),
            ),
            models.Index(
                fields=["account_id"], name="starter_by_stop", condition=Q(stopped_at__isnull=False)
            ),
            # For finding duplicates.
            models.Index(fields=["account_id"], name="starter_by_account"),
            models.Index(fields=["account_name"], name="starter_by_account_name"),
            models.Index(fields=["display_name"], name="starter_by_name"),
            models.Index(fields=["employee_id"], name="starter_by_employee"),
            # HR's list reads and counts each filter in the order of an index: see `onboarding.hr.lists.paging`.
            models.Index(fields=[*_PLACE], name="starter_listed", condition=_LISTED),
            models.Index(fields=["state", *_PLACE], name="starter_listed_by_state", condition=_LISTED),
            models.Index(fields=["department", *_PLACE], name="starter_department", condition=_LISTED),
            models.Index(
                fields=["department", "state", *_PLACE], name="starter_department_state", condition=_LISTED
            ),
            models.Index(
                fields=["source", *_PLACE], name="starter_by_source", condition=_LISTED & ~Q(source="")
            ),
            models.Index(fields=[*_PLACE], name="starter_open", condition=_LISTED_OPEN),
            models.Index(
                fields=["department", *_PLACE], name="starter_department_open", condition=_LISTED_OPEN
            ),
            models.Index(
                fields=[*_PLACE], name="starter_with_problem", condition=_LISTED_OPEN & ~Q(problem="")
            ),
            models.Index(
                fields=["recorded_by", *_PLACE],
                name="starter_to_accept",
                condition=_LISTED_OPEN & Q(recorded_by__isnull=True),
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
            models.UniqueConstraint(
                fields=["stop_code_hash"], condition=~Q(stop_code_hash=""), name="one_starter_a_stop_code"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in StarterState]), name="starter_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.starts_at = self.start_local.astimezone(ZoneInfo("UTC"))
        with transaction.atomic(savepoint=False):
            super().save(*args, **kwargs)
            if kwargs.get("force_insert"):
                starter_search.index_new_starter(self)
            elif kwargs.get("update_fields") is None or NAME_FIELDS & set(kwargs["update_fields"]):
                starter_search.index_starters(Starter.objects.filter(pk=self.pk))

    def save_check_result(self) -> None:
        """Save only what a check changed."""
        Starter.objects.filter(pk=self.pk).update(
            **{name: getattr(self, name) for name in self.CHECK_RESULT_FIELDS}
        )

    @property
    def name(self) -> str:
        return self.display_name or self.account_name or gettext("(erased)")

    @property
    def is_manager_changed(self) -> bool:
        """Whether HR has accepted another manager than the first one."""
        return bool(self.seen.get("manager_id", "") != self.first_manager_id)

    @property
    def contributor_ids(self) -> set[str]:
        """Object ids of the HR people who added this starter or changed who or when it is about."""
        return {*([self.recorded_by.oid] if self.recorded_by else []), *self.shaped_by}

    @property
    def awaits_acceptance(self) -> bool:
        """Whether another system added this starter, and nobody in HR has accepted it."""
        return self.recorded_by_id is None

    @property
    def has_stand_in(self) -> bool:
        """Whether HR lets the manager's own manager confirm instead."""
        return bool(self.stand_in_id)

    @property
    def confirmer_id(self) -> str:
        """The object id of the manager or stand-in, by the last reading of the directory."""
        return self.stand_in_id or self.manager_id

    @property
    def confirmer_name(self) -> str:
        return self.stand_in_name if self.has_stand_in else self.manager_name

    @property
    def away_name(self) -> str:
        """The manager who is away, if a stand-in confirms for them; else empty."""
        return self.manager_name if self.has_stand_in else ""

    @property
    def confirmer_mail(self) -> str:
        return self.stand_in_mail if self.has_stand_in else self.manager_mail

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def start_local(self) -> datetime:
        """The start in the starter's own zone. An hour that the clocks skip moves forward."""
        wall = datetime.combine(self.start_date, self.start_time, tzinfo=self.zone_info)
        return wall.astimezone(ZoneInfo("UTC")).astimezone(self.zone_info)

    @property
    def hired_on(self) -> date | None:
        """The hire date in the directory, as a day in the starter's time zone."""
        return hire_day(self.hire_date, self.zone_info) if self.hire_date else None

    @property
    def start_words(self) -> str:
        return date_format(self.start_local, "LONG")

    @property
    def is_unfinished(self) -> bool:
        return StarterState(self.state) in UNFINISHED

    def open_issue(self) -> PassIssue | None:
        """The one issue whose pass may still work. It reads all of a starter's few issues, which a list prefetches."""
        return next((issue for issue in self.issues.all() if IssueState(issue.state) in OPEN_ISSUE), None)

    def last_issue(self) -> PassIssue | None:
        return max(self.issues.all(), key=lambda issue: issue.number, default=None)

    def pass_window(self, before: timedelta, after: timedelta) -> tuple[datetime, datetime]:
        """Return when a pass can be created: from `before` the start to `after` it."""
        return self.starts_at - before, self.starts_at + after
