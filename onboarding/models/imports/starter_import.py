"""Lists that HR imports: the file's rows, what the check found in them, and the remembered choices for columns."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from onboarding.models.starter import new_public_id


class StarterImport(models.Model):
    """One file or pasted table. Its rows are personal details: retention deletes all of it a week after the last change."""

    class Phase(models.TextChoices):
        READING = "reading", _("being read")
        COLUMNS = "columns", _("waiting for HR to choose the columns")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        ADDING = "adding", _("being added")
        DELETED = "deleted", _("deleted")  # the rows are gone, and still count for the daily limit

    public_id = models.CharField(_("ID"), max_length=32, unique=True, default=new_public_id, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("imported by")
    )
    uploaded_at = models.DateTimeField(_("imported"), default=timezone.now)
    touched_at = models.DateTimeField(_("last changed"), default=timezone.now)
    phase = models.CharField(_("step"), max_length=10, choices=Phase, default=Phase.READING)
    file_name = models.CharField(_("file"), max_length=120, blank=True, default="")
    # How the file was read (`Table` and `Layout` in onboarding/imports), and what HR chose.
    source = models.JSONField(_("format of the file"), default=dict)
    layout = models.JSONField(_("columns of the file"), default=dict)
    choices = models.JSONField(_("column choices"), default=dict)
    row_count = models.PositiveIntegerField(_("rows"), default=0)
    failures = models.PositiveSmallIntegerField(_("failed checks in a row"), default=0)
    # Why adding stopped before all wanted rows were added; a code of `adding.STOPS`.
    stopped = models.CharField(
        _("reason why the portal stopped adding starters"), max_length=20, blank=True, default=""
    )

    class Meta:
        ordering = ["-uploaded_at", "-id"]
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        indexes = [
            models.Index(fields=["uploaded_by", "uploaded_at"], name="import_by_person"),
            models.Index(fields=["touched_at"], name="import_by_change"),
        ]

    def __str__(self) -> str:
        return self.public_id


class ImportRow(models.Model):
    """One row of a file: its cells, the values that were read, and what the check found."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("not checked yet")
        GOOD = "good", _("ready to add")
        QUESTION = "question", _("needs a decision by HR")
        ERROR = "error", _("error")
        UNCHANGED = "unchanged", _("no change needed")
        ADDED = "added", _("added")
        MOVED = "moved", _("changed")

    starter_import = models.ForeignKey(
        StarterImport, on_delete=models.CASCADE, related_name="rows", verbose_name=_("import")
    )
    number = models.PositiveIntegerField(_("row number in the file"))
    cells = models.JSONField(_("cells"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    question = models.CharField(_("kind of decision"), max_length=12, blank=True, default="")
    values: Any = models.JSONField(_("values"), default=dict)
    findings = models.JSONField(_("findings"), default=list)
    # What HR is shown: the account, its manager, earlier starters. Adding compares it with a new check.
    shown = models.JSONField(_("details shown to HR"), default=dict)
    identity = models.CharField(_("account"), max_length=320, blank=True, default="")
    starter_id = models.CharField(_("ID of the starter"), max_length=32, blank=True, default="")
    is_wanted = models.BooleanField(_("HR selected this row"), default=False)

    class Meta:
        ordering = ["number"]
        verbose_name = _("row of an import")
        verbose_name_plural = _("rows of an import")
        constraints = [models.UniqueConstraint(fields=["starter_import", "number"], name="import_row_once")]
        indexes = [
            models.Index(
                fields=["starter_import", "status", "question", "number"], name="import_row_by_status"
            ),
            models.Index(fields=["starter_import", "identity"], name="import_row_by_account"),
        ]

    def __str__(self) -> str:
        return f"{self.starter_import_id}:{self.number}"


class ImportColumns(models.Model):
    """What HR chose for the columns of a kind of file, for the next one with the same titles. Nothing personal."""

    signature = models.CharField(_("hash of the column titles"), max_length=64, unique=True)
    choices = models.JSONField(_("column choices"), default=dict)
    changed_at = models.DateTimeField(_("last changed"), default=timezone.now)

    class Meta:
        verbose_name = _("saved column choices")
        verbose_name_plural = _("saved column choices")

    def __str__(self) -> str:
        return self.signature[:8]
