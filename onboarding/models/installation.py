"""Whose database this is: one row, which a copy that is opened elsewhere still carries."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Installation(models.Model):
    """Written when the database is made, with the tenant and the address that the settings name then."""

    tenant_id = models.CharField(max_length=36)
    address = models.CharField(max_length=300)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return f"{self.address}, tenant {self.tenant_id}"
