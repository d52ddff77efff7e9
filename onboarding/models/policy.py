"""The policy, as versions that are only ever added; the highest number is in force."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

SHORTEST_LIFETIME, LONGEST_LIFETIME = 10, 480


def between(low: int, high: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(low), MaxValueValidator(high)]


class PolicyVersion(models.Model):
    """One version. Nobody changes it afterwards; each pass issue names the version it was made under."""

    number = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    reason = models.CharField(
        "why",
        max_length=300,
        help_text="Why the policy changes. Auditors read it, and the banner of a freeze shows it.",
    )
    frozen = models.BooleanField(
        "freeze: no pass is made",
        default=False,
        help_text="Stops issuing at once, everywhere, and shows a banner with your name and the reason above.",
    )
    lifetime_minutes = models.PositiveSmallIntegerField(
        "lifetime of a pass (minutes)",
        default=60,
        validators=between(SHORTEST_LIFETIME, LONGEST_LIFETIME),
        help_text="10 to 480, and within what the tenant allows. As short as a first sign-in needs: 60 is sensible.",
    )
    single_use = models.BooleanField(default=True, editable=False)
    opens_minutes_before = models.PositiveSmallIntegerField(
        "window opens (minutes before the start)",
        default=120,
        validators=between(0, 1440),
        help_text="How long before the start a manager can confirm. 120 lets an early starter in.",
    )
    closes_days_after = models.PositiveSmallIntegerField(
        "window closes (days after the start)",
        default=5,
        validators=between(1, 30),
        help_text="How long after the start a manager can still confirm. 5 covers a late first day.",
    )
    invite_days_before = models.PositiveSmallIntegerField(
        "mail to the manager (days before the start)",
        default=3,
        validators=between(0, 30),
        help_text="When the manager gets the link. It opens nothing before the window.",
    )
    attempts = models.PositiveSmallIntegerField(
        "passes for one starter",
        default=3,
        validators=between(1, 10),
        help_text="After this many, HR must allow another.",
    )
    sign_in_minutes = models.PositiveSmallIntegerField(
        "sign-in at most (minutes old)",
        default=5,
        validators=between(1, 60),
        help_text="A manager who signed in longer ago is asked to sign in again before confirming.",
    )

    class Meta:
        ordering = ["-number"]
        verbose_name = "policy version"
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
        ]

    def __str__(self) -> str:
        return f"policy {self.number}"

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
    def by_name(self) -> str:
        return self.created_by.name if self.created_by else "the installation"

    @property
    def at(self) -> datetime:
        return self.created_at
