"""How often wrong stop codes were entered, without a row for each stranger."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class StopCodeTries(models.Model):
    """The tries of one group of addresses since the last hour without one. There are `GROUPS` groups, so at most as many rows.

    The group comes from a keyed hash of the address, so that the table holds no address.
    """

    GROUPS = 16_384

    address_group = models.PositiveIntegerField(_("group of network addresses"), primary_key=True)
    last_at = models.DateTimeField(_("last attempt"))
    count = models.PositiveSmallIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("attempts to enter a stop code")

    def __str__(self) -> str:
        return f"{self.address_group}: {self.count}"
