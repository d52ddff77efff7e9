"""Jobs, and the heartbeats of the workers that run them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Job(models.Model):
    """Work to do later, queued in the transaction of the change that causes it."""

    class Priority(models.IntegerChoices):
        PASS = 0, _("passes")
        MAIL = 1, _("mail")
        LOOK = 2, _("checking accounts")
        WATCH = 3, _("tracking existing passes")

    key = models.CharField(
        _("job"),
        max_length=100,
        unique=True,
        help_text=_(
            "The kind of job, and the record that it concerns. The queue never contains the same job twice."
        ),
    )
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority)
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveIntegerField(
        _("failed attempts in a row"),
        default=0,
        help_text=_("How often the job has failed since it last succeeded or was started again."),
    )
    locked_until = models.DateTimeField(_("locked until"), null=True, blank=True)
    claim = models.PositiveIntegerField(
        _("times started"),
        default=0,
        help_text=_(
            "How many times a worker has started this job. Only the worker that started it last can finish "
            "the job."
        ),
    )
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    failed_at = models.DateTimeField(
        _("failed"),
        null=True,
        blank=True,
        help_text=_("Set if this job failed for too long. An admin can then start the job again."),
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
            ),
            models.Index(fields=["failed_at"], name="job_failed", condition=Q(failed_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.key


class Heartbeat(models.Model):
    """The heartbeat of one worker. Without a live worker no pass is created, because nothing would delete an unseen one."""

    worker = models.CharField(_("worker"), max_length=100, unique=True)
    beat_at = models.DateTimeField(_("last heartbeat"))
    clock_skew = models.IntegerField(
        _("seconds by which Microsoft’s clock is ahead of the worker’s clock"),
        null=True,
        blank=True,
        help_text=_(
            "How far Microsoft's clock was ahead of this worker's clock when Microsoft last answered."
        ),
    )

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.worker
