"""Other systems: their tickets, over which starters were added, and the webhooks that they asked for."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models.starter import Starter, new_public_id


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
    account = models.CharField(_("account in the ticket"), max_length=320)
    start_date = models.DateField(_("start date in the ticket"), null=True, blank=True)
    start_time = models.TimeField(_("start time in the ticket"), null=True, blank=True)
    time_zone = models.CharField(_("time zone in the ticket"), max_length=64, blank=True, default="")
    note = models.CharField(_("note in the ticket"), max_length=500, blank=True, default="")
    requested_by = models.CharField(_("requester in the ticket"), max_length=320, blank=True, default="")
    requested_by_id = models.CharField(_("object ID of the requester"), max_length=36, blank=True, default="")
    requested_by_name = models.CharField(_("name of the requester"), max_length=256, blank=True, default="")
    created_at = models.DateTimeField(_("added"), default=timezone.now)
    accepted_at = models.DateTimeField(_("accepted by HR"), null=True, blank=True)
    # The time and number of the starter's latest audit event. Systems that poll read in this order.
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now)
    last_event = models.BigIntegerField(_("latest audit event"), default=0)

    # Personal texts, which are emptied when the starter is erased.
    PERSONAL_FIELDS = ("account", "note", "requested_by", "requested_by_id", "requested_by_name")

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


class ApiUsage(models.Model):
    """How much of each daily limit one person or application has used on one day: a column for each limit.

    A new kind of limit is a new column here, and a `Use` in `onboarding/guards/daily_limits.py`.
    """

    caller = models.CharField(_("person or application (object ID or client ID)"), max_length=36)
    day = models.DateField(_("day"))
    count = models.PositiveIntegerField(_("look-ups and changes through the API"), default=0)
    look_ups = models.PositiveIntegerField(_("accounts looked up by HR"), default=0, db_default=0)
    links = models.PositiveIntegerField(_("links sent again by HR"), default=0, db_default=0)
    refusals = models.PositiveIntegerField(_("refused requests for a pass"), default=0, db_default=0)

    class Meta:
        verbose_name = _("use of the daily limits")
        constraints = [models.UniqueConstraint(fields=["caller", "day"], name="api_usage_once_a_day")]

    def __str__(self) -> str:
        return f"{self.caller} {self.day}: {self.count}"


class Hook(models.Model):
    """A webhook: an address that gets each event of the starters of one source.

    The callback address and the secret are encrypted (`onboarding/sealing/__init__.py`), because either can be enough to
    send events in the portal's name. Both are emptied when the webhook ends.
    """

    class Format(models.TextChoices):
        STANDARD = "standard", _("Standard Webhooks")
        TEAMS = "teams", _("card for Teams")

    class EndedBy(models.TextChoices):
        NOBODY = "", _("active")
        CALLER = "caller", _("removed by the application")
        ADMIN = "admin", _("revoked by an admin")
        RECEIVER = "receiver", _("ended by the receiver")  # it answered 410

    public_id = models.CharField(_("ID"), max_length=32, unique=True, default=new_public_id, editable=False)
    source = models.CharField(_("source"), max_length=32)
    application_id = models.CharField(_("client ID of the application"), max_length=36)
    host = models.CharField(_("host"), max_length=260)
    format = models.CharField(_("format"), max_length=8, choices=Format, default=Format.STANDARD)
    events = models.JSONField(
        _("events"),
        default=list,
        blank=True,
        help_text=_("The events that the webhook gets. If this list is empty, the webhook gets all events."),
    )
    sealed_url = models.TextField(_("encrypted address"), blank=True, default="")
    sealed_secret = models.TextField(_("encrypted secret"), blank=True, default="")
    created_at = models.DateTimeField(_("added"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.CharField(_("status"), max_length=8, choices=EndedBy, blank=True, default="")
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["source"], name="hook_active", condition=Q(ended_at__isnull=True)),
            models.Index(
                fields=["application_id"], name="hook_by_application", condition=Q(ended_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host} ({self.source})"


class HookDelivery(models.Model):
    """One event for one webhook, written in the transaction of the change."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("failed permanently")
        CANCELLED = "cancelled", _("cancelled, because the webhook ended")

    message_id = models.CharField(
        _("webhook-id"),
        max_length=40,
        unique=True,
        help_text=_(
            "Identifies the delivery. The ID stays the same for each attempt, even if an admin sends the "
            "delivery again."
        ),
    )
    hook = models.ForeignKey(
        Hook, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("webhook")
    )
    starter = models.ForeignKey(
        Starter, on_delete=models.PROTECT, related_name="+", verbose_name=_("starter")
    )
    event = models.CharField(_("event"), max_length=40)
    body = models.TextField(_("content"), blank=True, default="")
    created_at = models.DateTimeField(_("time of the event"), default=timezone.now)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.WAITING)
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    give_up_at = models.DateTimeField(_("portal stops trying at"))
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    error = models.CharField(_("last error"), max_length=60, blank=True, default="")
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ["-pk"]
        indexes = [
            # Of one webhook: what is due next, and what waits for an earlier event of the same starter.
            models.Index(fields=["hook", "next_try_at"], name="delivery_due", condition=Q(status="waiting")),
            models.Index(
                fields=["hook", "starter", "id"], name="delivery_order", condition=Q(status="waiting")
            ),
            models.Index(fields=["ended_at"], name="delivery_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.message_id}"
