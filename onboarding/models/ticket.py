"""A ticket of another system, over which a starter was added."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models.starter import Starter


class Ticket(models.Model):
    """A ticket in ServiceNow, TOPdesk or an HR system, and the starter that it added over the API.

    `source` and `number` identify it: a repeated request is about the same starter. Until HR accepts the starter, it
    has no recorder (`Starter.recorded_by`) and no pass can be created.
    """

    starter = models.OneToOneField(
        Starter, on_delete=models.PROTECT, related_name="ticket", verbose_name=_("starter")
    )
    source = models.CharField(_("source"), max_length=32, help_text=_("The system that has the ticket."))
    number = models.CharField(_("ticket"), max_length=64)
    application_id = models.CharField(
        _("client ID of the application"),
        max_length=36,
        help_text=_("The application that added the starter."),
    )
    # What the caller sent, which an answer repeats. An answer never has more about a person.
    account = models.CharField(_("account as sent"), max_length=320)
    requested_by = models.CharField(_("requested by, as sent"), max_length=320, blank=True, default="")
    requested_by_id = models.CharField(_("object id of the requester"), max_length=36, blank=True, default="")
    requested_by_name = models.CharField(_("requested by"), max_length=256, blank=True, default="")
    created_at = models.DateTimeField(_("added"), default=timezone.now)
    accepted_at = models.DateTimeField(_("accepted by HR"), null=True, blank=True)
    # The time and number of the starter's newest audit event. Systems that poll read in this order.
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now)
    last_event = models.BigIntegerField(_("newest audit event"), default=0)

    # Personal texts, which are emptied when the starter is erased.
    PERSONAL_FIELDS = ("account", "requested_by", "requested_by_id", "requested_by_name")

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        constraints = [
            models.UniqueConstraint(fields=["source", "number"], name="one_starter_a_ticket"),
            models.CheckConstraint(condition=~Q(source="") & ~Q(number=""), name="ticket_has_a_key"),
        ]
        indexes = [
            models.Index(fields=["source", "last_event"], name="ticket_by_change"),
            models.Index(fields=["source", "changed_at"], name="ticket_by_time"),
            models.Index(fields=["application_id", "created_at"], name="ticket_by_application"),
            models.Index(
                fields=["created_at"], name="ticket_to_accept", condition=Q(accepted_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.number}"
