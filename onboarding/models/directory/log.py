"""What the portal keeps of Entra's audit log: how far it was read, the passes in it, and what differs from the trail."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class DirectoryLog(models.Model):
    """How far Entra's audit log has been read: one row."""

    complete_until = models.DateTimeField(
        null=True
    )  # what happened before is in the log by now, and was compared
    window_start = models.DateTimeField(null=True)  # the time that is being read, page by page
    window_end = models.DateTimeField(null=True)
    next_token = models.TextField(blank=True, default="")  # of the next page; empty: the first
    read_at = models.DateTimeField(null=True)  # when a window was last read to its end
    refused_at = models.DateTimeField(null=True)  # since then the tenant does not permit the read

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_directory_log")]

    def __str__(self) -> str:
        return f"Entra's log until {self.complete_until}"


class LoggedPass(models.Model):
    """A pass in Entra's audit log that the portal's identity created, or somebody else for a starter."""

    entry_id = models.CharField(max_length=128, primary_key=True)
    at = models.DateTimeField(db_index=True)
    by_portal = models.BooleanField()
    # The attempt or the probe pass in the trail that explains it. None explains two passes.
    issue = models.OneToOneField(
        "onboarding.PassIssue", on_delete=models.PROTECT, null=True, related_name="logged"
    )
    probe = models.OneToOneField(
        "onboarding.ProbePass", on_delete=models.SET_NULL, null=True, related_name="logged"
    )

    def __str__(self) -> str:
        return self.entry_id


class DirectoryFinding(models.Model):
    """A difference between Entra's audit log and the trail. It is found once, and open until an admin closes it."""

    class Kind(models.TextChoices):
        NO_TRAIL = (
            "no_trail",
            _("the portal’s identity created a pass that the portal’s audit log does not have"),
        )
        BY_ANOTHER = "by_another", _("someone created a pass for a starter outside the portal")
        RESTORED = "restored", _("Entra has a pass that the restored database does not know")
        NOT_LOGGED = "not_logged", _("a pass that the portal created is missing from Entra’s audit log")

    # The id of the entry in Entra's log, or of the attempt.
    key = models.CharField(_("ID of the log entry or pass attempt"), max_length=150, unique=True)
    kind = models.CharField(_("difference"), max_length=12, choices=Kind)
    at = models.DateTimeField(_("pass created"))
    found_at = models.DateTimeField(_("found"))
    event = models.BigIntegerField(_("audit event"))
    starter = models.ForeignKey(
        "onboarding.Starter",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("starter"),
    )
    closed_at = models.DateTimeField(_("resolved"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("resolved by"),
    )

    class Meta:
        ordering = ["-found_at"]
        verbose_name = _("difference from Entra’s audit log")
        verbose_name_plural = _("differences from Entra’s audit log")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["no_trail", "by_another", "restored", "not_logged"]),
                name="finding_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, closed_by=None)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="finding_is_closed_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["kind"], name="open_finding", condition=Q(closed_at=None))]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def is_alarm(self) -> bool:
        return self.kind != self.Kind.NOT_LOGGED

    def describe(self) -> str:
        return str(self.Kind(self.kind).label)
