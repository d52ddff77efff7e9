"""The installation that a database belongs to: one row, which a copy or backup keeps."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Installation(models.Model):
    """Written when the database is created, with the tenant and the address of the settings at that time.

    The first worker adds where the database is. A copy keeps that, so it can tell that it is somewhere else
    (`onboarding/restored/`).
    """

    class Suspended(models.TextChoices):
        """Why the portal does nothing with this database until somebody adopts it."""

        NO = "", ""
        BEHIND = "behind", "an event that was kept outside the database is missing"
        BY_OPERATOR = "operator", "an operator said so"
        QUIET = "quiet", "nothing happened for a day before the upgrade"

    tenant_id = models.CharField(max_length=36)
    address = models.CharField(max_length=300)
    since = models.DateTimeField(default=timezone.now)
    database_id = models.CharField(max_length=100, default="", db_default="")
    database_address = models.CharField(max_length=600, default="", db_default="")
    suspended = models.CharField(max_length=10, choices=Suspended, default="", db_default="")
    adopted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_installation"),
            models.CheckConstraint(
                condition=Q(suspended__in=["", "behind", "operator", "quiet"]), name="suspended_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address}, tenant {self.tenant_id}"
