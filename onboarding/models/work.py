"""The portal's work in the background: jobs, the mails among them, and the workers' heartbeats."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """Something to do later, written in the same transaction as the change that causes it."""

    class Priority(models.IntegerChoices):
        PASS = 0, _("passes")
        MAIL = 1, _("mail")
        LOOK = 2, _("looking at the directory")
        WATCH = 3, _("passes that were handed over")

    key = models.CharField(
        _("job"), max_length=100, unique=True, help_text=_("kind:what, so that asking twice asks once")
    )
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority)
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0, help_text=_("Failures in a row."))
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True)
    claim = models.PositiveIntegerField(
        _("claim"), default=0, help_text=_("Counts claims; only the last one may finish the job.")
    )
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    failed_at = models.DateTimeField(
        _("given up"), null=True, blank=True, help_text=_("Given up; an admin can start it again.")
    )
    last_error = models.CharField(_("last error"), max_length=300, blank=True, default="")

    class Meta:
        ordering = ["priority", "due_at"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["priority", "due_at"],
                name="job_waiting",
                condition=Q(done_at__isnull=True, failed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.key


class Mail(models.Model):
    """One message, kept as it will be sent, under one Message-ID however often it must be tried.

    What goes to one reader together with others stays a row of its own, and names the mail in which it went.
    """

    class Reader(models.TextChoices):
        MANAGER = "manager", _("the manager")
        STAND_IN = "stand-in", _("who stands in for the manager")
        FORMER = "former manager", _("who is not asked any more")
        ABOVE = "above", _("the manager’s manager")
        DUTY = "duty", _("the duty address")
        HR = "hr", _("HR")
        SECURITY = "security", _("security")

    kind = models.CharField(_("kind"), max_length=20)
    recipient = models.CharField(
        _("reader"), max_length=20, choices=Reader, blank=True, default="", db_default=""
    )
    reader_id = models.CharField(
        _("object id of the reader"),
        max_length=36,
        blank=True,
        default="",
        db_default="",
        help_text=_("The object id of who reads it, if known."),
    )
    starter = models.ForeignKey(
        "onboarding.Starter",
        on_delete=models.PROTECT,
        related_name="mails",
        null=True,
        blank=True,
        verbose_name=_("starter"),
    )
    to = models.CharField(_("to"), max_length=320)
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    message_id = models.CharField(_("Message-ID"), max_length=200, unique=True)
    written_at = models.DateTimeField(_("written"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    dropped_at = models.DateTimeField(
        _("dropped"), null=True, blank=True, help_text=_("No longer true when its turn came.")
    )
    refused_at = models.DateTimeField(
        _("refused"), null=True, blank=True, help_text=_("The address takes no mail.")
    )
    # Mails with the same `box` go to one reader, not too often: together in one, the `digest`, or by themselves.
    box = models.CharField(_("mailbox"), max_length=40, blank=True, default="", db_default="")
    released_at = models.DateTimeField(
        _("released"), null=True, blank=True, help_text=_("On its way since then.")
    )
    digest = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        related_name="parts",
        null=True,
        blank=True,
        verbose_name=_("sent together in"),
    )

    class Meta:
        ordering = ["-written_at"]
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        indexes = [
            models.Index(fields=["box", "written_at"], name="mail_by_box", condition=~Q(box="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Heartbeat(models.Model):
    """A worker says that it lives. Without one, an unseen pass would stay: so none is made."""

    worker = models.CharField(_("worker"), max_length=100, unique=True)
    beat_at = models.DateTimeField(_("last sign of life"))
    clock_skew = models.IntegerField(
        _("clock skew in seconds"),
        null=True,
        blank=True,
        help_text=_("Seconds by which Microsoft's clock was ahead of this worker's, when it last answered."),
    )

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.worker
