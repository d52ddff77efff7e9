"""Graph's quota for sign-in methods, shared by all processes, and the queue of the people who wait for it."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone


class GraphBudget(models.Model):
    """One row: when the last calls were made and answered, and until when Microsoft asked the portal to wait."""

    recent = models.JSONField(
        default=list, help_text="When the last calls were answered, in seconds since 1970."
    )
    on_their_way = models.JSONField(default=list, help_text="When calls were taken that have no answer yet.")
    paused_until = models.DateTimeField(null=True, blank=True)

    # The size of the quota, from the policy. `passes/graph_quota.py` sets it when it reads the row.
    calls: int
    span: timedelta

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_graph_budget")]

    def __str__(self) -> str:
        return "Graph budget"


class SignInBudget(models.Model):
    """One row: when sign-in activity was read (it has its own quota), and whether the tenant allows lists."""

    recent = models.JSONField(
        default=list, help_text="When the last calls were answered, in seconds since 1970."
    )
    on_their_way = models.JSONField(default=list, help_text="When calls were taken that have no answer yet.")
    paused_until = models.DateTimeField(null=True, blank=True)
    # The tenant refused to list several accounts, so until then the portal reads them one by one.
    lists_refused_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_sign_in_budget")]

    def __str__(self) -> str:
        return "sign-in budget"


class Turn(models.Model):
    """A queue position: the person can create the pass from `opens_at` until `lapses_at`."""

    starter = models.ForeignKey("onboarding.Starter", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    opens_at = models.DateTimeField()
    lapses_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["starter", "person"], name="one_turn_a_starter_and_person")
        ]

    def __str__(self) -> str:
        return f"turn {self.pk}"
