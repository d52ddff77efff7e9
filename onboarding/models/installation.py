"""The installation that a database belongs to: one row, which a copy or backup keeps."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Installation(models.Model):
    """Written when the database is created, with the tenant and the address of the settings at that time."""

    tenant_id = models.CharField(max_length=36)
    address = models.CharField(max_length=300)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return f"{self.address}, tenant {self.tenant_id}"
