"""How far the portal has read the accounts by their hire dates."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class HireListing(models.Model):
    """The reading of accounts by hire date: one row. `first_day` is empty between two readings."""

    first_day = models.DateField(null=True)
    last_day = models.DateField(null=True)
    next_token = models.TextField(blank=True, default="")  # of the next page; empty: the first
    read_at = models.DateTimeField(null=True)  # when all pages were last read

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_hire_listing")]

    def __str__(self) -> str:
        return f"hires until {self.last_day}"
