"""Filters of HR's list that one person saved under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

LONGEST_NAME = 60  # characters


class SavedFilter(models.Model):
    """Only its owner sees it. The query has no search words: they can be the name of a starter, who is erased one day."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("saved by")
    )
    name = models.CharField(_("name"), max_length=LONGEST_NAME)
    query = models.TextField(_("filters"))
    saved_at = models.DateTimeField(_("saved"), default=timezone.now)

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_filter_has_its_own_name")
        ]

    def __str__(self) -> str:
        return self.name
