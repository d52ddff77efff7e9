"""Approvals: a second HR person agrees where the policy requires it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """One approval, for one occasion of one starter. Rows are only added."""

    class Why(models.TextChoices):
        STARTER = "starter", _("the policy requires a second person in HR to approve this starter")
        MANAGER = (
            "manager",
            _("HR accepted a different manager or assigned a stand-in"),
        )
        BEYOND = "beyond", _("HR allowed one more pass than the limit")
        # One row of the person who asks, and one of the person who agrees: see `onboarding/stops/restarting.py`.
        RESTART = "restart", _("two people in HR end an emergency stop")

    starter = models.ForeignKey("onboarding.Starter", on_delete=models.PROTECT, related_name="approvals")
    why = models.CharField(max_length=8, choices=Why)
    # What was approved. Another manager, or one more pass, needs another approval.
    occasion = models.CharField(max_length=80)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)
    voided_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_(
            "The time when the approval became invalid, for example because the onboarding started again. "
            "Empty if the approval is valid."
        ),
    )

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["starter", "why", "occasion"],
                condition=models.Q(voided_at=None),
                name="one_approval_an_occasion",
            ),
            models.CheckConstraint(
                condition=models.Q(why__in=["starter", "manager", "beyond", "restart"]),
                name="approval_is_for_something",
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"
