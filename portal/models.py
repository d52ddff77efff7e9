"""People as Microsoft Entra identifies them, and sign-ins in progress."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

HR, ADMIN, AUDITOR = "HR", "Admin", "Auditor"

# What an admin can add. Everything else in Django admin is read-only.
ADDED_BY_ADMINS = {"onboarding.add_policyversion", "onboarding.add_departmentpolicy"}
# The applications whose tables admins and auditors can read.
SHOWN_IN_ADMIN = {"portal", "onboarding"}


class User(AbstractBaseUser):
    """A person: tenant id and object id together, never an address, which can be given to someone else."""

    password = None  # type: ignore[assignment]  # the portal has no passwords

    tid = models.CharField(_("tenant ID"), max_length=36)
    oid = models.CharField(_("object ID"), max_length=36)
    name = models.CharField(_("name"), max_length=256)
    user_principal_name = models.CharField(_("user principal name"), max_length=1024)
    roles = models.JSONField(_("roles"), default=list, blank=True)
    # Kept after the role is given up: a recent admin cannot create a pass.
    last_admin_at = models.DateTimeField(_("last seen as an admin"), null=True, blank=True, editable=False)
    # A session that began before this moment has another hash, so it is over.
    sessions_ended_at = models.DateTimeField(
        _("sessions ended by an admin"), null=True, blank=True, editable=False
    )

    # When this person last proved who they are, in the session of this request. Not stored.
    signed_in_at: datetime | None = None

    USERNAME_FIELD = "oid"

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [models.UniqueConstraint(fields=["tid", "oid"], name="person_once")]

    def __str__(self) -> str:
        return self.name or self.user_principal_name

    @property
    def is_hr(self) -> bool:
        return HR in self.roles

    @property
    def is_admin(self) -> bool:
        return ADMIN in self.roles

    @property
    def is_auditor(self) -> bool:
        return AUDITOR in self.roles

    @property
    def is_staff(self) -> bool:
        """Django's name for people who can open Django admin."""
        return self.is_admin or self.is_auditor

    def has_perm(self, permission: str, obj: Any = None) -> bool:
        app, _, verb = permission.partition(".")
        if app in SHOWN_IN_ADMIN and verb.startswith("view_"):
            return self.is_staff
        return self.is_admin and permission in ADDED_BY_ADMINS

    def has_perms(self, permissions: list[str], obj: Any = None) -> bool:
        return all(self.has_perm(permission, obj) for permission in permissions)

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff and app_label in SHOWN_IN_ADMIN

    def has_usable_password(self) -> bool:
        return False

    def check_password(self, raw_password: str | None) -> bool:
        return False

    def get_session_auth_hash(self) -> str:
        return self._session_hash(settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield what a session of an earlier SECRET_KEY has. Django then stores today's."""
        return map(self._session_hash, settings.SECRET_KEY_FALLBACKS)

    def _session_hash(self, secret: str) -> str:
        whose = f"{self.tid}/{self.oid}"
        if self.sessions_ended_at:
            whose += f"/{self.sessions_ended_at.astimezone(UTC).isoformat()}"
        return salted_hmac("portal.models.User", whose, secret=secret, algorithm="sha256").hexdigest()


class SignInQuerySet(models.QuerySet["SignIn"]):
    def expired(self) -> SignInQuerySet:
        return self.filter(created_at__lt=timezone.now() - SignIn.LASTS)


class SignIn(models.Model):
    """A sign-in that a person has finished, kept for ten minutes so that its answer from Microsoft works once.

    Until then the same values are in a cookie (`portal/signin/flow_cookies.py`), and nothing is stored here.
    """

    LASTS = timedelta(minutes=10)  # as long as the cookie

    class Purpose(models.TextChoices):
        SIGN_IN = "sign in"
        STEP_UP = "step up"
        SILENT = "silent"  # the check of a session: the person is not asked anything

    state_hash = models.CharField(max_length=64, unique=True)
    # Only the previous release, which can run beside this one during an upgrade, fills `browser_hash`. The row of a
    # finished sign-in has an empty `flow`.
    browser_hash = models.CharField(max_length=64)
    flow = models.JSONField()
    next_path = models.CharField(max_length=2000)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    expected_oid = models.CharField(max_length=36, blank=True)
    made_for = models.CharField(max_length=64, blank=True, default="")
    context = models.CharField(max_length=3, blank=True, default="")
    created_at = models.DateTimeField(db_index=True)

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("sign-in in progress")
        verbose_name_plural = _("sign-ins in progress")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(purpose="sign in") | ~models.Q(expected_oid=""),
                name="step_up_names_its_person",
            ),
            models.CheckConstraint(
                condition=models.Q(context="") | (models.Q(purpose="step up") & ~models.Q(made_for="")),
                name="context_is_for_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} begun {self.created_at:%Y-%m-%d %H:%M:%S}"


class EntraSession(models.Model):
    """The session of Entra in which a session of the portal began, so that Entra can end it. It ends with the session."""

    session = models.OneToOneField("sessions.Session", on_delete=models.CASCADE, primary_key=True)
    sid_hash = models.CharField(max_length=64, db_index=True)  # of the claim `sid`

    class Meta:
        verbose_name = _("Entra session")
        verbose_name_plural = _("Entra sessions")

    def __str__(self) -> str:
        return self.sid_hash[:8]


class ClaimsSeen(models.Model):
    """One row: which of the claims that must be asked for were in the last id token, and when. Nothing of the person."""

    names = models.JSONField(default=list)
    at = models.DateTimeField()

    class Meta:
        verbose_name = verbose_name_plural = _("claims in the last sign-ins")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_claims_seen")]

    def __str__(self) -> str:
        return ", ".join(self.names) or "none"
