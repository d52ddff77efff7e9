"""Step-up sign-ins that were used for a pass. They are kept for a day, so that none is used twice."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class StepUpUsed(models.Model):
    """One used proof. The unique index allows one pass for each proof, even for two clicks at the same time."""

    proof = models.CharField(max_length=32, unique=True)
    used_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("used step-up")

    def __str__(self) -> str:
        return f"step-up used {self.used_at:%Y-%m-%d %H:%M:%S}"
