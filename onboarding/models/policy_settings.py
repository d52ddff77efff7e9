"""Every setting of the policy: what it does, what is recommended, and the limits that no admin can pass."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from onboarding.models.pass_issue import IdentityCheck

SHORTEST_LIFETIME, LONGEST_LIFETIME = 10, 480


def value_between(low: int, high: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(low), MaxValueValidator(high)]


def every_check() -> list[str]:
    return [str(value) for value in IdentityCheck.values]


class WhenUnreadable(models.TextChoices):
    """What a guard does where the tenant lacks the licence or the right that its facts need."""

    REFUSE = "refuse", _("check, and refuse the pass if the data cannot be read")
    SKIP = "skip", _("check, but continue if the data cannot be read (recorded with the pass)")


class Check(models.TextChoices):
    """The same for a guard that an organisation may do without."""

    REFUSE = "refuse", _("check, and refuse the pass if the data cannot be read")
    SKIP = "skip", _("check, but continue if the data cannot be read (recorded with the pass)")
    OFF = "off", _("do not check")


class HireDate(models.TextChoices):
    OFF = "off", _("do not check")
    KNOWN = "known", _("check only if Entra has a hire date")
    REQUIRED = "required", _("check, and refuse the pass if Entra has no hire date")


class EscalateTo(models.TextChoices):
    NOBODY = "nobody", _("nobody")
    ABOVE = "above", _("the manager’s manager")
    DUTY = "duty", _("the on-call address")


class SecondAdmin(models.TextChoices):
    """Which versions wait for a second admin. One that loosens a rule always does."""

    LOOSENS = "loosens", _("only for changes that loosen a rule")
    ALWAYS = "always", _("for every change")

    @classmethod
    def current(cls, stored: str) -> SecondAdmin:
        """Return what a stored value means today: versions of earlier releases have others."""
        return cls.ALWAYS if stored == cls.ALWAYS else cls.LOOSENS


# Values of earlier releases. Their versions are never changed.
FORMER_SECOND_ADMIN = {
    "when_two": _("if two admins had signed in within three months (setting of an earlier release)"),
    "never": _("never (setting of an earlier release)"),
}


class PolicySettings(models.Model):
    """The settings. Nobody can change `single_use` or turn off a guard that has no setting here."""

    # --- Stop -----------------------------------------------------------------------------------------------
    frozen = models.BooleanField(
        _("freeze: managers cannot create passes"),
        default=False,
        help_text=_(
            "Stops all new passes immediately. A banner shows your name and the reason above. One admin "
            "can freeze the portal alone. To unfreeze it, you need a second admin."
        ),
    )

    # --- The pass -------------------------------------------------------------------------------------------
    lifetime_minutes = models.PositiveSmallIntegerField(
        _("lifetime of a pass (minutes)"),
        default=60,
        validators=value_between(SHORTEST_LIFETIME, LONGEST_LIFETIME),
        help_text=_("10 to 480 minutes, within the limits set in Entra. Recommended: 60."),
    )
    single_use = models.BooleanField(_("single use"), default=True, editable=False)
    attempts = models.PositiveSmallIntegerField(
        _("passes per starter"),
        default=3,
        validators=value_between(1, 10),
        help_text=_(
            "After this many passes for the same starter, the manager can create another one only if HR "
            "allows it. Recommended: 3."
        ),
    )
    identity_checks = models.JSONField(
        _("accepted identity checks"),
        default=every_check,
        help_text=_(
            "When a manager confirms the starter’s identity, the manager chooses how they checked it. "
            "Untick the identity checks that your organisation does not accept."
        ),
    )

    # --- The manager's sign-in --------------------------------------------------------------------------------
    sign_in_minutes = models.PositiveSmallIntegerField(
        _("maximum age of the manager's sign-in (minutes)"),
        default=5,
        validators=value_between(1, 60),
        help_text=_(
            "If the manager signed in more than this many minutes ago, they must sign in again to create a "
            "pass. Recommended: 5."
        ),
    )
    step_up_context = models.CharField(
        _("authentication context"),
        max_length=3,
        blank=True,
        default="",
        validators=[
            RegexValidator(r"\Ac[1-9][0-9]?\Z", _("Enter an authentication context from c1 to c99."))
        ],
        help_text=_(
            "Enter an authentication context, for example c1. The manager must then sign in again for "
            "each pass and meet the context’s conditions. First assign a Conditional Access policy to "
            "the context: without one, Entra grants the context to everyone. Without a context, a recent "
            "sign-in is enough."
        ),
    )

    # --- When -----------------------------------------------------------------------------------------------
    opens_minutes_before = models.PositiveSmallIntegerField(
        _("passes can be created from (minutes before the start)"),
        default=120,
        validators=value_between(0, 1440),
        help_text=_(
            "The manager can create a pass from this many minutes before the starter’s start time. "
            "Recommended: 120, for starters who arrive early."
        ),
    )
    closes_days_after = models.PositiveSmallIntegerField(
        _("passes can be created until (days after the start)"),
        default=5,
        validators=value_between(1, 30),
        help_text=_(
            "The manager can create a pass until this many days after the start. Recommended: 5, for "
            "starters who begin late."
        ),
    )
    invite_days_before = models.PositiveSmallIntegerField(
        _("invitation to the manager (days before the start)"),
        default=3,
        validators=value_between(0, 30),
        help_text=_(
            "The portal emails the link to the manager this many days before the start. Recommended: 3."
        ),
    )
    remind_days_before = models.PositiveSmallIntegerField(
        _("reminder (days before the start)"),
        default=0,
        validators=value_between(0, 29),
        help_text=_(
            "The portal reminds the manager this many days before the start. 0 means no reminder. "
            "Recommended: 0, or 1 if the portal sends the invitation more than three days before the "
            "start."
        ),
    )
    remind_on_day = models.BooleanField(
        _("reminder on the first day"),
        default=True,
        help_text=_("The portal emails the manager as soon as they can create the pass. Recommended."),
    )

    escalate_to = models.CharField(
        _("recipient of the escalation email"),
        max_length=8,
        choices=EscalateTo,
        default=EscalateTo.ABOVE,
        db_default=EscalateTo.ABOVE,
        help_text=_(
            "If there is no pass yet on the first day, the portal sends one email to the recipient chosen "
            "here. If Entra has no email address for the manager’s manager, the email goes to the on-call "
            "address. If there is no on-call address, it goes to HR. Recommended: the manager’s manager, "
            "who can act if the manager is ill."
        ),
    )
    escalate_hour = models.PositiveSmallIntegerField(
        _("time of the escalation email (hour on the first day)"),
        default=11,
        db_default=11,
        validators=value_between(1, 23),
        help_text=_(
            "The time of day as a whole hour from 1 to 23, in the starter's time zone. For example, 11 "
            "means 11:00 and 15 means 15:00. If the starter begins late in the day, the portal waits until "
            "one hour after the start. Recommended: 11."
        ),
    )

    # --- Which accounts ---------------------------------------------------------------------------------------
    new_days_before = models.PositiveSmallIntegerField(
        _("earliest creation of the account (days before the start)"),
        default=90,
        validators=value_between(1, 365),
        help_text=_(
            "The portal creates no pass for an account that was created more than this many days before "
            "the start. The only exception is an account that nobody has ever signed in to and whose hire "
            "date in Entra is within this limit and the next one. Recommended: 90. A lower number is safer."
        ),
    )
    new_days_after = models.PositiveSmallIntegerField(
        _("latest creation of the account (days after the start)"),
        default=31,
        validators=value_between(0, 90),
        help_text=_(
            "The portal creates no pass for an account that was created more than this many days after the "
            "start. The only exception is an account that nobody has ever signed in to and whose hire date "
            "in Entra is within this limit and the previous one. Recommended: 31."
        ),
    )
    hire_date = models.CharField(
        _("hire date matches the start date"),
        max_length=8,
        choices=HireDate,
        default=HireDate.KNOWN,
        help_text=_(
            "A hire date in Entra that is far from the start date can mean that HR chose the wrong account or year."
        ),
    )
    hire_date_days = models.PositiveSmallIntegerField(
        _("allowed difference between hire date and start date (days)"),
        default=31,
        validators=value_between(1, 90),
        help_text=_(
            "Recommended: 31, because a contract can begin on the first of the month although the starter "
            "begins later that month."
        ),
    )
    same_person = models.BooleanField(
        _("same person as when HR checked"),
        default=True,
        help_text=_(
            "The portal creates no pass if the name, account name or employee number changed after HR checked "
            "the account. HR can check the account again. Recommended, because an account name can be reused "
            "for another person."
        ),
    )
    same_manager = models.BooleanField(
        _("same manager as when HR checked"),
        default=True,
        help_text=_(
            "The portal creates no pass if the manager changed after HR checked the account. HR can accept "
            "the new manager. Recommended. Otherwise, someone who can change the manager in Entra can "
            "choose who gets the pass."
        ),
    )
    eligible_roles = models.CharField(
        _("eligible administrator roles (PIM)"),
        max_length=6,
        choices=WhenUnreadable,
        default=WhenUnreadable.REFUSE,
        help_text=_(
            "Checks that the account cannot activate an administrator role. Needs "
            "RoleManagement.Read.Directory and a licence with Privileged Identity Management. Choose "
            "“continue” only if the tenant does not have this licence. Without the licence, there are no "
            "eligible roles."
        ),
    )
    eligible_groups = models.CharField(
        _("eligible groups (PIM for groups)"),
        max_length=6,
        choices=Check,
        default=Check.REFUSE,
        help_text=_(
            "Checks that the account cannot join groups via PIM. Needs "
            "PrivilegedEligibilitySchedule.Read.AzureADGroup and a licence with Privileged Identity "
            "Management."
        ),
    )
    pass_policy = models.CharField(
        _("the tenant's Temporary Access Pass policy"),
        max_length=6,
        choices=Check,
        default=Check.REFUSE,
        help_text=_(
            "Checks whether Entra allows this pass for this account. Needs Policy.Read.AuthenticationMethod. "
            "Without this check, the manager sees a problem only when Microsoft refuses the pass."
        ),
    )
    sign_ins = models.CharField(
        _("last sign-in"),
        max_length=6,
        choices=WhenUnreadable,
        default=WhenUnreadable.SKIP,
        help_text=_(
            "Checks that nobody has signed in with the account before. Needs AuditLog.Read.All and Entra "
            "ID P1. If you choose to continue and the portal cannot read the last sign-in, only accounts "
            "created around the start date count as new."
        ),
    )
    restricted_unit = models.BooleanField(
        _("not in a restricted management administrative unit"),
        default=True,
        help_text=_(
            "The portal creates no pass for accounts in a restricted management administrative unit. "
            "Recommended, because Microsoft refuses these accounts too."
        ),
    )

    phones_beforehand = models.BooleanField(
        _("HR registers phones before the first day"),
        default=False,
        db_default=False,
        help_text=_(
            "A phone can be a sign-in method, so the portal normally creates no pass for an account with a "
            "phone number. Turn this setting on only if HR or IT registers phone numbers before the first "
            "day. The portal will then accept any phone on a new account, which is less safe."
        ),
    )

    # --- For whom -----------------------------------------------------------------------------------------------
    scope_domains = models.TextField(
        _("allowed domains"),
        blank=True,
        default="",
        help_text=_(
            "Enter one domain per line, for example contoso.example. Only accounts in these domains can get a "
            "pass. Leave empty to allow all domains."
        ),
    )
    scope_departments = models.TextField(
        _("allowed departments"),
        blank=True,
        default="",
        help_text=_(
            "Enter one department per line, spelled as in Entra. Capitals do not matter. Leave empty to allow "
            "all departments."
        ),
    )
    scope_groups = models.TextField(
        _("allowed groups"),
        blank=True,
        default="",
        help_text=_(
            "Enter the object ID of one group per line. Members of nested groups are included. Leave empty "
            "to allow all accounts."
        ),
    )
    deny_list = models.TextField(
        _("accounts and groups that never get a pass"),
        blank=True,
        default="",
        help_text=_(
            "Enter one object ID per line, for example of an emergency access account. This list overrides "
            "all other settings."
        ),
    )
    probe_accounts = models.TextField(
        _("test accounts for test passes (for one hour)"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Enter the object ID of one test account per line. For one hour after a second admin activates "
            "the version, `manage.py prove_tenant` can create passes for these accounts. The portal never "
            "shows the codes of these passes, and deletes the passes after the test. Recommended: leave "
            "empty."
        ),
    )

    # --- How many -----------------------------------------------------------------------------------------------
    manager_daily = models.PositiveIntegerField(
        _("passes per manager per day"),
        default=20,
        validators=value_between(1, 1000),
        help_text=_(
            "Enter the largest number of starters that one manager receives in one day, plus a few for lost "
            "passes. Recommended: 20."
        ),
    )
    hr_daily = models.PositiveIntegerField(
        _("starters that one person in HR can add per day"),
        default=500,
        validators=value_between(1, 10000),
        help_text=_("Recommended: 500."),
    )
    import_daily = models.PositiveIntegerField(
        _("rows that one person in HR can import per day"),
        default=2000,
        db_default=2000,
        validators=value_between(1, 50000),
        help_text=_(
            "Counts every row of an uploaded or pasted list, because the portal reads each account in "
            "Entra. Recommended: four times the number of starters that one person in HR can add per day."
        ),
    )
    hr_look_ups_daily = models.PositiveIntegerField(
        _("accounts that one person in HR can look up per day"),
        default=1500,
        db_default=1500,
        validators=value_between(1, 100000),
        help_text=_(
            "Adding a starter takes two look-ups: one to check the account, and one to save. Recommended: three times "
            "the number of starters that one person in HR can add per day."
        ),
    )
    hr_links_daily = models.PositiveIntegerField(
        _("links that one person in HR can send again per day"),
        default=200,
        db_default=200,
        validators=value_between(1, 10000),
        help_text=_("Managers get an email each time. Recommended: 200."),
    )
    manager_refusals_daily = models.PositiveIntegerField(
        _("refused requests per manager per day"),
        default=30,
        db_default=30,
        validators=value_between(1, 1000),
        help_text=_(
            "After this many refused requests for a pass, the manager must wait until the next day. "
            "Requests that only need a new sign-in do not count. Recommended: 30."
        ),
    )
    site_daily = models.PositiveIntegerField(
        _("passes per day in total"),
        default=1000,
        validators=value_between(1, 100000),
        help_text=_(
            "Enter the largest number of starters that you expect on one day, plus ten per cent. The "
            "portal creates at most this many passes a day, which limits the damage of an attack."
        ),
    )

    # --- More people ----------------------------------------------------------------------------------------------
    second_admin = models.CharField(
        _("a second admin must activate new versions"),
        max_length=8,
        choices=SecondAdmin,
        default=SecondAdmin.LOOSENS,
        help_text=_(
            "A version that loosens a rule always needs a second admin. A freeze never does. "
            "Recommended: “for every change” if there are three admins or more."
        ),
    )
    admin_days = models.PositiveSmallIntegerField(
        _("days before former admins can create passes"),
        default=30,
        db_default=30,
        validators=value_between(2, 365),
        help_text=_(
            "A former admin must wait this many days before they can create passes. Recommended: 30. A "
            "shorter time is less safe."
        ),
    )
    approve_all = models.BooleanField(
        _("a second person in HR approves every starter"),
        default=False,
        help_text=_(
            "The manager can create a pass only after a second person in HR approves and gives a reason. "
            "The person who added the starter cannot approve. Recommended for sensitive departments only."
        ),
    )
    approve_manager = models.BooleanField(
        _("a second person in HR approves a changed manager"),
        default=False,
        help_text=_(
            "If HR accepts a new manager or assigns a stand-in, a second person in HR must approve this."
        ),
    )
    approve_beyond = models.BooleanField(
        _("a second person in HR approves a pass beyond the limit"),
        default=False,
        help_text=_("If HR allows a pass beyond the limit, a second person in HR must approve it."),
    )

    # --- Other systems --------------------------------------------------------------------------------------------
    api_applications = models.TextField(
        _("applications that can use the API"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Enter one application per line: its client ID, then the names of the systems whose tickets "
            "it can use. Example: 11111111-2222-3333-4444-555555555555 servicenow. Leave empty to close "
            "the API."
        ),
    )
    api_trusted_sources = models.TextField(
        _("systems whose starters can be accepted automatically"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Enter one system per line. The portal accepts a starter from such a system automatically if "
            "the requester in the ticket works in HR and signed in to the portal in the last 90 days. "
            "The requester then counts as the person who added the starter. Recommended: leave empty."
        ),
    )
    api_agents = models.BooleanField(
        _("AI agents can use the API"),
        default=False,
        db_default=False,
        help_text=_("An AI agent must also be in the list of applications. Recommended: no."),
    )
    propose_days = models.PositiveSmallIntegerField(
        _("propose starters by hire date (days ahead)"),
        default=0,
        db_default=0,
        validators=value_between(0, 90),
        help_text=_(
            "Every hour, the portal reads the hire dates in Entra. It proposes a starter for each allowed "
            "account with a hire date within this many days. HR accepts the proposals. 0 turns proposals "
            "off. Recommended: 0, or 14 if your HR system sets hire dates."
        ),
    )
    accept_proposals = models.BooleanField(
        _("accept proposals automatically"),
        default=False,
        db_default=False,
        help_text=_(
            "The portal accepts each proposal that has no warning, without asking HR. The two admins "
            "who agreed to this setting then count as the people who added the starter. Recommended: "
            "no."
        ),
    )
    hook_hosts = models.TextField(
        _("hosts that can receive webhooks"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Enter one host per line, for example contoso.service-now.example. To allow all hosts below "
            "contoso.example, enter *.contoso.example. Leave empty to send no webhooks."
        ),
    )
    hook_private_ranges = models.TextField(
        _("private networks that can receive webhooks"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "The portal sends webhooks only to public addresses and to the networks that you enter here. "
            "Enter one address range per line, for example 10.20.0.0/16. Recommended: leave empty."
        ),
    )

    # --- Records and addresses --------------------------------------------------------------------------------------
    retention_days = models.PositiveSmallIntegerField(
        _("keep personal details (days after the onboarding ends)"),
        default=30,
        validators=value_between(1, 365),
        help_text=_(
            "The portal deletes the starter's personal details this many days after the end of the "
            "onboarding. Recommended: 30."
        ),
    )
    audit_days = models.PositiveSmallIntegerField(
        _("keep names in the audit log (days after the onboarding ends)"),
        default=365,
        validators=value_between(90, 1096),
        help_text=_(
            "The portal deletes the names from the audit log this many days after the end of the "
            "onboarding. The events stay, and you can still check that nobody changed the log. "
            "Recommended: 365."
        ),
    )
    hr_address = models.EmailField(
        _("HR's email address"),
        blank=True,
        default="",
        help_text=_(
            "The portal sends emails for HR to this address. If the policy has no address, the portal "
            "uses the one set at installation."
        ),
    )
    security_address = models.EmailField(
        _("security team's email address"),
        blank=True,
        default="",
        help_text=_(
            "The portal sends security alerts to this address, for example when someone requests a pass "
            "for a privileged account or when the policy changes. Leave empty to use the address set at "
            "installation."
        ),
    )
    duty_address = models.EmailField(
        _("on-call address"),
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "The address of a team, such as the service desk, that can find a stand-in on the first day. "
            "If the policy has no on-call address, the portal uses HR's address."
        ),
    )
    graph_calls = models.PositiveSmallIntegerField(
        _("Microsoft Graph: calls about passes"),
        null=True,
        blank=True,
        validators=value_between(4, 1000),
        help_text=_(
            "The largest number of calls about passes in the period set below. Microsoft's limit is 5 "
            "calls in 10 seconds. Leave empty to use the value set at installation."
        ),
    )
    graph_seconds = models.PositiveSmallIntegerField(
        _("Microsoft Graph: period for these calls (seconds)"),
        null=True,
        blank=True,
        validators=value_between(1, 60),
        help_text=_("Leave empty to use the value set at installation."),
    )

    class Meta:
        abstract = True

    @property
    def opens_before(self) -> timedelta:
        return timedelta(minutes=self.opens_minutes_before)

    @property
    def closes_after(self) -> timedelta:
        return timedelta(days=self.closes_days_after)

    @property
    def invite_before(self) -> timedelta:
        return timedelta(days=self.invite_days_before)

    @property
    def sign_in_max_age(self) -> timedelta:
        return timedelta(minutes=self.sign_in_minutes)

    @property
    def retention_period(self) -> timedelta:
        return timedelta(days=self.retention_days)


# What a department may override. All other settings are the same for the whole site.
DEPARTMENT_SETTINGS = (
    "lifetime_minutes", "attempts", "identity_checks", "sign_in_minutes", "step_up_context", "opens_minutes_before",
    "closes_days_after", "invite_days_before", "remind_days_before", "remind_on_day", "escalate_to", "escalate_hour",
    "new_days_before", "new_days_after", "hire_date", "hire_date_days", "manager_daily", "approve_all", "approve_manager",
    "approve_beyond", "hr_address", "duty_address",
)  # fmt: skip
SETTING_NAMES = tuple(field.name for field in PolicySettings._meta.local_fields if field.editable)
# Settings that may name a person. The audit log is never erased, so it says only that they changed.
REDACTED_SETTINGS = frozenset(
    {"deny_list", "probe_accounts", "hr_address", "security_address", "duty_address"}
)
