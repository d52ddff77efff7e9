"""The mails, sent and unsent, and the mails that each person in HR chose."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Mail(models.Model):
    """One mail, stored as it will be sent, with the same Message-ID for each try.

    A mail that is sent in a digest stays a row of its own, with a reference to the digest.
    """

    class Fault(models.TextChoices):
        """Why it waits: the last failure, as `mail/answers.py` classified it. See also `refused_at`."""

        SETUP = "setup", _("the mail server refuses the portal's settings")
        LATER = "later", _("the mail server cannot accept emails now")

    class Calendar(models.TextChoices):
        """What the calendar file does to the reader's calendar (RFC 5546)."""

        REQUEST = "REQUEST", _("creates or changes a calendar entry")
        CANCEL = "CANCEL", _("cancels the calendar entry")

    class Reader(models.TextChoices):
        MANAGER = "manager", _("the manager")
        STAND_IN = "stand-in", _("the stand-in")
        FORMER = "former manager", _("the former manager or stand-in")
        ABOVE = "above", _("the manager’s manager")
        DUTY = "duty", _("the on-call address")
        HR = "hr", _("HR")
        SECURITY = "security", _("the security team")
        PERSON = "person", _("the person themselves")

    # Readers who manage or managed the starter, stand in, or manage the manager. Their mails have the link "That was not me".
    TO_MANAGERS = frozenset({Reader.MANAGER, Reader.STAND_IN, Reader.FORMER, Reader.ABOVE})

    kind = models.CharField(_("kind"), max_length=20)
    recipient = models.CharField(
        _("recipient"), max_length=20, choices=Reader, blank=True, default="", db_default=""
    )
    reader_id = models.CharField(
        _("object ID of the recipient"),
        max_length=36,
        blank=True,
        default="",
        db_default="",
        help_text=_("Empty if the portal does not know the recipient’s object ID."),
    )
    starter = models.ForeignKey(
        "onboarding.Starter",
        on_delete=models.PROTECT,
        related_name="mails",
        null=True,
        blank=True,
        verbose_name=_("starter"),
    )
    to = models.CharField(_("recipient’s email address"), max_length=320)
    reason = models.CharField(
        _("reason"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        help_text=_("The text that a digest email shows for this starter."),
    )
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    message_id = models.CharField(_("Message-ID"), max_length=200, unique=True)
    written_at = models.DateTimeField(_("written at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    dropped_at = models.DateTimeField(
        _("not sent, because no longer needed"),
        null=True,
        blank=True,
        help_text=_("Set if the email was no longer relevant when the portal was about to send it."),
    )
    refused_at = models.DateTimeField(
        _("refused by the mail server"),
        null=True,
        blank=True,
        help_text=_("Set if the mail server does not accept emails for this address."),
    )
    starts_at = models.DateTimeField(
        _("start time in the email"),
        null=True,
        blank=True,
        help_text=_("The start time that this email mentions, in UTC."),
    )
    calendar = models.CharField(
        _("calendar file"), max_length=10, choices=Calendar, blank=True, default="", db_default=""
    )
    calendar_sequence = models.PositiveIntegerField(
        _("version of the calendar entry"), default=0, db_default=0
    )
    fault = models.CharField(
        _("kind of failure"),
        max_length=10,
        choices=Fault,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    fault_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    answer = models.CharField(
        _("mail server’s last response"),
        max_length=220,
        blank=True,
        default="",
        db_default="",
        help_text=_("The portal removes email addresses from this text."),
    )
    # The batch key (`outbox.batch_key`): mails with the same key go to one reader, alone or in one `digest`.
    box = models.CharField(_("group for digest emails"), max_length=40, blank=True, default="", db_default="")
    released_at = models.DateTimeField(
        _("queued"),
        null=True,
        blank=True,
        help_text=_("The time when the email was queued for sending. Sending may begin later."),
    )
    digest = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        related_name="parts",
        null=True,
        blank=True,
        verbose_name=_("sent in digest"),
    )

    class Meta:
        ordering = ["-written_at"]
        verbose_name = _("email")
        verbose_name_plural = _("emails")
        indexes = [
            models.Index(fields=["box", "written_at"], name="mail_by_box", condition=~Q(box="")),
            models.Index(
                fields=["fault", "written_at"],
                name="mail_failing",
                condition=Q(sent_at=None, dropped_at=None, refused_at=None) & ~Q(fault=""),
            ),
            models.Index(
                fields=["written_at"],
                name="mail_waiting",
                condition=Q(sent_at=None, dropped_at=None, refused_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class HrMailChoice(models.Model):
    """The mails that one person in HR has chosen, in addition to those to HR's address. Without a row: none."""

    class Choice(models.TextChoices):
        DIGEST = "digest", _("Digest only")
        URGENT = "urgent", _("Digest and urgent emails")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="hr_mail_choice",
        verbose_name=_("person"),
    )
    choice = models.CharField(_("selected emails"), max_length=10, choices=Choice)
    address = models.CharField(
        _("address"), max_length=254, help_text=_("The person’s address in Entra when they made this choice.")
    )
    chosen_at = models.DateTimeField(_("chosen"))

    class Meta:
        verbose_name = _("HR email choice")
        verbose_name_plural = _("HR email choices")

    def __str__(self) -> str:
        return f"{self.choice} {self.user_id}"
