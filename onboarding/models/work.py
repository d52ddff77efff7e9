"""The portal's work in the background: jobs, the mails among them, and the workers' heartbeats."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """Something to do later, written in the same transaction as the change that causes it."""

    class Priority(models.IntegerChoices):
        PASS = 0, "passes"
        MAIL = 1, "mail"
        LOOK = 2, _("looking at the directory")

    key = models.CharField(
        max_length=100, unique=True, help_text=_("kind:what, so that asking twice asks once")
    )
    priority = models.PositiveSmallIntegerField(choices=Priority)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0, help_text=_("Failures in a row."))
    locked_until = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveIntegerField(
        default=0, help_text=_("Counts claims; only the last one may finish the job.")
    )
    done_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Given up; an admin can start it again.")
    )
    last_error = models.CharField(max_length=300, blank=True, default="")

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

    kind = models.CharField(max_length=20)
    recipient = models.CharField(max_length=20, choices=Reader, blank=True, default="", db_default="")
    reader_id = models.CharField(
        max_length=36,
        blank=True,
        default="",
        db_default="",
        help_text=_("The object id of who reads it, if known."),
    )
    starter = models.ForeignKey(
        "onboarding.Starter", on_delete=models.PROTECT, related_name="mails", null=True, blank=True
    )
    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    message_id = models.CharField(max_length=200, unique=True)
    written_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    dropped_at = models.DateTimeField(
        null=True, blank=True, help_text=_("No longer true when its turn came.")
    )
    refused_at = models.DateTimeField(null=True, blank=True, help_text=_("The address takes no mail."))
    # Mails with the same `box` go to one reader, not too often: together in one, the `digest`, or by themselves.
    box = models.CharField(max_length=40, blank=True, default="", db_default="")
    released_at = models.DateTimeField(null=True, blank=True, help_text=_("On its way since then."))
    digest = models.ForeignKey("self", on_delete=models.SET_NULL, related_name="parts", null=True, blank=True)

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

    worker = models.CharField(max_length=100, unique=True)
    beat_at = models.DateTimeField()
    clock_skew = models.IntegerField(
        null=True,
        blank=True,
        help_text=_("Seconds by which Microsoft's clock was ahead of this worker's, when it last answered."),
    )

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.worker
