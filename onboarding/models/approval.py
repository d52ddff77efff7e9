"""Another person of HR agrees to something that policy does not leave to one."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Approval(models.Model):
    """One agreement, to one occasion of one starter. Only ever added."""

    class Why(models.TextChoices):
        STARTER = "starter", _("every starter of this department needs a second person of HR")
        MANAGER = (
            "manager",
            _("HR accepted another manager than the first, or let somebody stand in for them"),
        )
        BEYOND = "beyond", _("one more pass than the limit was allowed")

    starter = models.ForeignKey("onboarding.Starter", on_delete=models.PROTECT, related_name="approvals")
    why = models.CharField(max_length=8, choices=Why)
    # What it was given for: another manager, or one more pass, needs another approval.
    occasion = models.CharField(max_length=80)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(default=timezone.now)
    voided_at = models.DateTimeField(null=True, blank=True, help_text=_("Everything began anew since."))

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["starter", "why", "occasion"],
                condition=models.Q(voided_at=None),
                name="one_approval_an_occasion",
            ),
            models.CheckConstraint(
                condition=models.Q(why__in=["starter", "manager", "beyond"]), name="approval_is_for_something"
            ),
        ]

    def __str__(self) -> str:
        return f"approval {self.pk}"
