"""Counts of what has no row of its own, such as calls to Microsoft. All processes add to the same rows."""

from __future__ import annotations

from django.db import models


class MetricCount(models.Model):
    """One series since the installation: its name and the values of its labels, separated by spaces.

    The rows are few, because each label has a few values (`onboarding/metrics/catalogue.py`).
    """

    series = models.CharField(max_length=120, primary_key=True)
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series}: {self.value}"
