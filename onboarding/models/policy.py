"""The policy as versions that are only ever added; the active version with the highest number counts.

The fields of a policy are in `policy_settings.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NewType

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding.models.policy_settings import LONGEST_LIFETIME, SHORTEST_LIFETIME, PolicySettings

# In force since it was added, or since a second admin activated it.
IN_FORCE_AT_ONCE = Q(needs_second=False) | Q(activation__isnull=False, activation__in_force_at=None)
# Activated for a later moment, which may have passed, and not stopped before it.
SCHEDULED = Q(activation__in_force_at__isnull=False, activation__stop=None)


class PolicyQuerySet(models.QuerySet["PolicyVersion"]):
    def ever_active(self, now: datetime) -> PolicyQuerySet:
        """Return the versions that are or were in force by this moment: no draft, and none that waits or was stopped."""
        return self.filter(IN_FORCE_AT_ONCE | (SCHEDULED & Q(activation__in_force_at__lte=now)))

    def drafts(self) -> PolicyQuerySet:
        """Return the versions that wait for a second admin."""
        return self.filter(needs_second=True, activation__isnull=True)

    def scheduled(self, now: datetime) -> PolicyQuerySet:
        """Return the versions that come into force later, without those that were stopped."""
        return self.filter(SCHEDULED, activation__in_force_at__gt=now)


class PolicyVersion(PolicySettings):
    """One version, of the site or of one department. Nobody changes it; each pass names the version it was made under."""

    number = models.BigAutoField(_("number"), primary_key=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("written by"),
    )
    reason = models.CharField(
        _("reason for the change"),
        max_length=300,
        help_text=_(
            "Admins and auditors can read this reason, and the portal emails it to HR and the security team. "
            "If you freeze the portal, the banner shows the reason to everyone."
        ),
    )
    department = models.CharField(
        _("department"),
        max_length=128,
        blank=True,
        default="",
        editable=False,
        help_text=_("The department's name as in Entra."),
    )
    overrides = models.JSONField(
        _("settings that differ for this department"),
        default=list,
        editable=False,
        help_text=_(
            "Only these settings are different for the department. All other settings are the same as for the "
            "whole organisation."
        ),
    )
    needs_second = models.BooleanField(_("needs a second admin"), default=False, editable=False)

    objects = PolicyQuerySet.as_manager()

    # Set only on the policy of one starter, which is merged and never saved.
    own: PolicyVersion | None = None

    class Meta:
        ordering = ["-number"]
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        constraints = [
            models.CheckConstraint(
                condition=Q(lifetime_minutes__gte=SHORTEST_LIFETIME, lifetime_minutes__lte=LONGEST_LIFETIME),
                name="policy_lifetime_within_floors",
            ),
            models.CheckConstraint(condition=Q(single_use=True), name="policy_is_single_use_always"),
            models.CheckConstraint(
                condition=Q(attempts__gte=1, attempts__lte=10), name="policy_attempts_bounded"
            ),
            models.CheckConstraint(
                condition=Q(sign_in_minutes__gte=1, sign_in_minutes__lte=60), name="policy_sign_in_is_fresh"
            ),
            models.CheckConstraint(
                condition=Q(
                    opens_minutes_before__lte=1440, closes_days_after__gte=1, closes_days_after__lte=30
                ),
                name="policy_window_bounded",
            ),
            models.CheckConstraint(
                condition=Q(new_days_before__gte=1, new_days_before__lte=365, new_days_after__lte=90),
                name="policy_new_is_new",
            ),
            models.CheckConstraint(
                condition=Q(eligible_roles__in=["refuse", "skip"]), name="policy_privileged_is_checked"
            ),
            models.CheckConstraint(
                condition=Q(manager_daily__gte=1, manager_daily__lte=1000, site_daily__lte=100000),
                name="policy_has_caps",
            ),
            models.CheckConstraint(
                condition=Q(department="") | Q(frozen=False), name="policy_freezes_everywhere"
            ),
        ]

    def __str__(self) -> str:
        return f"policy {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to change a version, and to save one that was merged for a starter."""
        if not self._state.adding or self.own is not None:
            raise TypeError("A policy version is only ever added.")
        super().save(*args, **kwargs)

    @property
    def version_key(self) -> int:
        """Return a number that changes whenever this starter's policy does.

        A newer version always has a higher number: once another version is active, an older draft cannot be activated.
        """
        return max(self.number, self.own.number) if self.own else self.number

    @property
    def by_name(self) -> str:
        return self.created_by.name if self.created_by else gettext("the server’s console")

    @property
    def in_force_since(self) -> datetime:
        """Return when a version that is in force came into force."""
        activation = getattr(self, "activation", None)
        return activation.since if activation else self.created_at


# Two types, so that mypy refuses one where the other is meant. Only `onboarding.policy` makes them.
SitePolicy = NewType("SitePolicy", PolicyVersion)  # for the portal as a whole; never for one starter
EffectivePolicy = NewType(
    "EffectivePolicy", PolicyVersion
)  # for one starter: the site's with the department's


class PolicyActivation(models.Model):
    """A second person agreed: the version is in force from `at`, or from `in_force_at` if that is set.

    `by` is the second admin. It is empty if somebody activated the version on the server's console.
    """

    version = models.OneToOneField(PolicyVersion, on_delete=models.PROTECT, related_name="activation")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    at = models.DateTimeField(default=timezone.now)
    in_force_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("policy activation")

    def __str__(self) -> str:
        return f"activation of {self.version_id}"

    @property
    def since(self) -> datetime:
        return self.in_force_at or self.at

    @property
    def by_name(self) -> str:
        return self.by.name if self.by else gettext("the server’s console")


class PolicyStop(models.Model):
    """A version that was to come into force later never does. `by` is empty if no admin stopped it."""

    activation = models.OneToOneField(PolicyActivation, on_delete=models.PROTECT, related_name="stop")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("stopped policy version")

    def __str__(self) -> str:
        return f"stop of {self.activation_id}"


class DepartmentPolicy(PolicyVersion):
    """The versions of departments, with a place of their own in Django admin."""

    class Meta:
        proxy = True
        verbose_name = _("department policy")
        verbose_name_plural = _("department policies")
