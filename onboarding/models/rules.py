"""Every setting of the policy, in one place: what it does, what is sensible, and what no admin can go beyond."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from onboarding.models.issue import IdentityCheck

SHORTEST_LIFETIME, LONGEST_LIFETIME = 10, 480


def between(low: int, high: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(low), MaxValueValidator(high)]


def every_check() -> list[str]:
    return [str(value) for value in IdentityCheck.values]


class WhenUnreadable(models.TextChoices):
    """What a guard does where the tenant lacks the licence or the right that its facts need."""

    REFUSE = "refuse", _("check it; where it cannot be read, no pass is made")
    SKIP = "skip", _("check it; where it cannot be read, go on and write that down with the pass")


class Check(models.TextChoices):
    """The same for a guard that an organisation may do without."""

    REFUSE = "refuse", _("check it; where it cannot be read, no pass is made")
    SKIP = "skip", _("check it; where it cannot be read, go on and write that down with the pass")
    OFF = "off", _("do not check it")


class HireDate(models.TextChoices):
    OFF = "off", _("do not check it")
    KNOWN = "known", _("check it where the directory has one")
    REQUIRED = "required", _("check it, and refuse where the directory has none")


class EscalateTo(models.TextChoices):
    NOBODY = "nobody", _("nobody")
    ABOVE = "above", _("the manager’s manager")
    DUTY = "duty", _("the duty address")


class SecondAdmin(models.TextChoices):
    WHEN_TWO = "when_two", _("while two admins have signed in within three months")
    ALWAYS = "always", _("always")
    NEVER = "never", _("never")


class Rules(models.Model):
    """The settings. `single_use`, and the guards that are not named here, cannot be set by anybody."""

    # --- Stop -----------------------------------------------------------------------------------------------
    frozen = models.BooleanField(
        _("freeze: no pass is made"),
        default=False,
        help_text=_(
            "Stops issuing at once, everywhere, and shows a banner with your name and the reason above. "
            "To freeze never needs a second admin; to go on again does, where policy asks for one."
        ),
    )

    # --- The pass -------------------------------------------------------------------------------------------
    lifetime_minutes = models.PositiveSmallIntegerField(
        _("lifetime of a pass (minutes)"),
        default=60,
        validators=between(SHORTEST_LIFETIME, LONGEST_LIFETIME),
        help_text=_(
            "10 to 480, and within what the tenant allows. As short as a first sign-in needs: 60 is sensible."
        ),
    )
    single_use = models.BooleanField(_("single use"), default=True, editable=False)
    attempts = models.PositiveSmallIntegerField(
        _("passes for one starter"),
        default=3,
        validators=between(1, 10),
        help_text=_("After this many, HR must allow another. 3 is sensible."),
    )
    identity_checks = models.JSONField(
        _("accepted ways to check who somebody is"),
        default=every_check,
        help_text=_(
            "The manager says which of these they did. Leave out what your organisation does not accept."
        ),
    )

    # --- The manager's sign-in --------------------------------------------------------------------------------
    sign_in_minutes = models.PositiveSmallIntegerField(
        _("sign-in at most (minutes old)"),
        default=5,
        validators=between(1, 60),
        help_text=_(
            "A manager who signed in longer ago is asked to sign in again before confirming. 5 is sensible."
        ),
    )
    step_up_context = models.CharField(
        _("authentication context"),
        max_length=3,
        blank=True,
        default="",
        validators=[RegexValidator(r"\Ac[1-9][0-9]?\Z", _("An authentication context is named c1 to c99."))],
        help_text=_(
            "For example c1. Then each pass needs a sign-in of its own that met this context in Conditional "
            "Access, made for this starter and used once. Bind a Conditional Access policy to the context first: without "
            "one, Entra grants it to everybody. Empty: a fresh sign-in is enough."
        ),
    )

    # --- When -----------------------------------------------------------------------------------------------
    opens_minutes_before = models.PositiveSmallIntegerField(
        _("window opens (minutes before the start)"),
        default=120,
        validators=between(0, 1440),
        help_text=_("How long before the start a manager can confirm. 120 lets an early starter in."),
    )
    closes_days_after = models.PositiveSmallIntegerField(
        _("window closes (days after the start)"),
        default=5,
        validators=between(1, 30),
        help_text=_("How long after the start a manager can still confirm. 5 covers a late first day."),
    )
    invite_days_before = models.PositiveSmallIntegerField(
        _("mail to the manager (days before the start)"),
        default=3,
        validators=between(0, 30),
        help_text=_("When the manager gets the link. It opens nothing before the window. 3 is sensible."),
    )
    remind_days_before = models.PositiveSmallIntegerField(
        _("reminder (days before the start)"),
        default=0,
        validators=between(0, 29),
        help_text=_(
            "One more mail to the manager, so many days ahead. 1 is sensible where invitations go out early; 0: none."
        ),
    )
    remind_on_day = models.BooleanField(
        _("reminder on the day"),
        default=True,
        help_text=_("A mail to the manager when the window opens. Sensible: managers do this twice a year."),
    )

    escalate_to = models.CharField(
        _("tell, when nobody has confirmed"),
        max_length=8,
        choices=EscalateTo,
        default=EscalateTo.ABOVE,
        db_default=EscalateTo.ABOVE,
        help_text=_(
            "One mail on the first day. The manager’s manager is read from the directory at that moment; where it "
            "names none who gets mail, the duty address is told, or else HR. Sensible: a manager who is ill does not press."
        ),
    )
    escalate_hour = models.PositiveSmallIntegerField(
        _("tell them at (hour of the first day)"),
        default=11,
        db_default=11,
        validators=between(1, 23),
        help_text=_(
            "1 to 23, by the clock where the starter works, and never sooner than an hour after the start. "
            "11 leaves a manager the morning."
        ),
    )

    # --- Which accounts ---------------------------------------------------------------------------------------
    new_days_before = models.PositiveSmallIntegerField(
        _("an account is new (days before the start)"),
        default=90,
        validators=between(1, 365),
        help_text=_(
            "How early an account may have been made, and still count as new. 90 suits most; shorter is safer."
        ),
    )
    new_days_after = models.PositiveSmallIntegerField(
        _("an account is new (days after the start)"),
        default=31,
        validators=between(0, 90),
        help_text=_(
            "How late an account may have been made, and still count as new. 31 covers accounts that come late."
        ),
    )
    hire_date = models.CharField(
        _("hire date agrees with the start"),
        max_length=8,
        choices=HireDate,
        default=HireDate.KNOWN,
        help_text=_(
            "A start that is far from the hire date in the directory is often the wrong account or the wrong year."
        ),
    )
    hire_date_days = models.PositiveSmallIntegerField(
        _("hire date may differ by (days)"),
        default=31,
        validators=between(1, 90),
        help_text=_("31 allows for contracts that begin on the first of a month."),
    )
    same_person = models.BooleanField(
        _("still the same person"),
        default=True,
        help_text=_(
            "Refuses when the name, the account name or the employee number is no longer what HR saw, until HR "
            "has looked again. Sensible: a reused account name is a stranger's."
        ),
    )
    same_manager = models.BooleanField(
        _("still the same manager"),
        default=True,
        help_text=_(
            "Refuses when the manager is not the one whom HR saw, until HR has looked again. Sensible: whoever can "
            "change the manager could otherwise choose who gets the pass."
        ),
    )
    eligible_roles = models.CharField(
        _("administrator roles that can be activated"),
        max_length=6,
        choices=WhenUnreadable,
        default=WhenUnreadable.REFUSE,
        help_text=_(
            "Reading them needs RoleManagement.Read.Directory and a licence with Privileged Identity Management. "
            "Go on without only in a tenant that does not have that licence: there nobody can be eligible."
        ),
    )
    eligible_groups = models.CharField(
        _("groups that can be activated (PIM for groups)"),
        max_length=6,
        choices=Check,
        default=Check.REFUSE,
        help_text=_("Needs PrivilegedEligibilitySchedule.Read.AzureADGroup, and the same licence."),
    )
    pass_policy = models.CharField(
        _("the tenant's own pass policy"),
        max_length=6,
        choices=Check,
        default=Check.REFUSE,
        help_text=_(
            "Checks beforehand that Entra would give this person such a pass. Needs Policy.Read.AuthenticationMethod. "
            "Without it a manager learns only from Microsoft's refusal."
        ),
    )
    sign_ins = models.CharField(
        _("whether somebody signed in before"),
        max_length=6,
        choices=WhenUnreadable,
        default=WhenUnreadable.SKIP,
        help_text=_(
            "Needs AuditLog.Read.All and Entra ID P1. Where it cannot be read, only an account that was made around "
            "the start counts as new."
        ),
    )
    restricted_unit = models.BooleanField(
        _("not in a restricted administrative unit"),
        default=True,
        help_text=_(
            "Refuses accounts in a restricted management administrative unit. Sensible: those are put there to be "
            "left alone, and Microsoft refuses them too."
        ),
    )

    # --- For whom -----------------------------------------------------------------------------------------------
    scope_domains = models.TextField(
        _("only these domains"),
        blank=True,
        default="",
        help_text=_(
            "One a line, like contoso.example. Only accounts with such a name get a pass. Empty: any."
        ),
    )
    scope_departments = models.TextField(
        _("only these departments"),
        blank=True,
        default="",
        help_text=_("One a line, spelled as in the directory (capitals do not matter). Empty: any."),
    )
    scope_groups = models.TextField(
        _("only members of these groups"),
        blank=True,
        default="",
        help_text=_("Object ids, one a line. Membership through other groups counts. Empty: any."),
    )
    deny_list = models.TextField(
        _("never these accounts and groups"),
        blank=True,
        default="",
        help_text=_(
            "Object ids, one a line: emergency accounts, and groups whose members never get a pass. It goes before "
            "everything else."
        ),
    )

    # --- How many -----------------------------------------------------------------------------------------------
    manager_daily = models.PositiveIntegerField(
        _("passes by one manager a day"),
        default=20,
        validators=between(1, 1000),
        help_text=_(
            "As many starters as one manager may really receive on one day, with a few lost passes. 20 is sensible."
        ),
    )
    hr_daily = models.PositiveIntegerField(
        _("starters recorded by one person a day"),
        default=500,
        validators=between(1, 10000),
        help_text=_("As many as one person in HR may really enter on one day. 500 is sensible."),
    )
    site_daily = models.PositiveIntegerField(
        _("passes a day, all together"),
        default=1000,
        validators=between(1, 100000),
        help_text=_(
            "The largest first day that you expect, and a tenth more. It limits what a thief could do."
        ),
    )

    # --- More people ----------------------------------------------------------------------------------------------
    second_admin = models.CharField(
        _("a second admin puts a new version in force"),
        max_length=8,
        choices=SecondAdmin,
        default=SecondAdmin.WHEN_TWO,
        help_text=_("Sensible wherever there are two admins: then nobody changes the rules alone."),
    )
    approve_all = models.BooleanField(
        _("another in HR approves every starter"),
        default=False,
        help_text=_(
            "Before the manager can confirm, somebody of HR who did not record the starter says why that is right. "
            "Sensible for departments with much to lose; set it for those alone."
        ),
    )
    approve_manager = models.BooleanField(
        _("another in HR approves a changed manager"),
        default=False,
        help_text=_(
            "When HR has accepted another manager than the first one, somebody else of HR agrees as well."
        ),
    )
    approve_beyond = models.BooleanField(
        _("another in HR approves a pass beyond the limit"),
        default=False,
        help_text=_("When HR has allowed one more pass, somebody else of HR agrees as well."),
    )

    # --- Records and addresses --------------------------------------------------------------------------------------
    retention_days = models.PositiveSmallIntegerField(
        _("personal details kept (days after the end)"),
        default=30,
        validators=between(1, 365),
        help_text=_(
            "After this the portal forgets who a finished starter was. 30 leaves time for questions."
        ),
    )
    audit_days = models.PositiveSmallIntegerField(
        _("audit details kept (days after the end)"),
        default=365,
        validators=between(90, 1096),
        help_text=_(
            "Who did what, by name. Afterwards the chain still proves that nothing was changed. A year is sensible."
        ),
    )
    hr_address = models.EmailField(
        _("address of HR"),
        blank=True,
        default="",
        help_text=_("Where HR reads its notices. Empty: as installed."),
    )
    security_address = models.EmailField(
        _("address of security"),
        blank=True,
        default="",
        help_text=_(
            "Told at once when a pass was asked for a privileged or existing account. Empty: as installed."
        ),
    )
    duty_address = models.EmailField(
        _("duty address"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Who can find another to confirm on a first day, like a service desk. Empty: the address of HR."
        ),
    )
    graph_calls = models.PositiveSmallIntegerField(
        _("Microsoft Graph: calls of the scarce kind"),
        null=True,
        blank=True,
        validators=between(4, 1000),
        help_text=_("So many in the time below. Microsoft publishes 5 in 10 seconds. Empty: as installed."),
    )
    graph_seconds = models.PositiveSmallIntegerField(
        _("Microsoft Graph: in so many seconds"),
        null=True,
        blank=True,
        validators=between(1, 60),
        help_text=_("Empty: as installed."),
    )

    class Meta:
        abstract = True

    @property
    def before(self) -> timedelta:
        return timedelta(minutes=self.opens_minutes_before)

    @property
    def after(self) -> timedelta:
        return timedelta(days=self.closes_days_after)

    @property
    def lead(self) -> timedelta:
        return timedelta(days=self.invite_days_before)

    @property
    def freshness(self) -> timedelta:
        return timedelta(minutes=self.sign_in_minutes)

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)


# What a department may have otherwise. The rest is the same for everybody.
BY_DEPARTMENT = (
    "lifetime_minutes", "attempts", "identity_checks", "sign_in_minutes", "step_up_context", "opens_minutes_before",
    "closes_days_after", "invite_days_before", "remind_days_before", "remind_on_day", "escalate_to", "escalate_hour",
    "new_days_before", "new_days_after", "hire_date", "hire_date_days", "manager_daily", "approve_all", "approve_manager",
    "approve_beyond", "hr_address", "duty_address",
)  # fmt: skip
SETTINGS = tuple(field.name for field in Rules._meta.local_fields if field.editable)
