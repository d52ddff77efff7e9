"""The rows of the audit log. `audit/trail.py` is their only writer; database triggers refuse changes and deletions."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Func
from django.utils.translation import gettext_lazy as _

from onboarding.models.folded_words import MAX_WORD_LENGTH


class AuditHead(models.Model):
    """The head of the chain: one row. Each writer locks it, so that the chain cannot fork."""

    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)
    key = models.CharField(max_length=16, default="")  # the AuditKey of the last event

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"event {self.seq}"


class AuditEvent(models.Model):
    """One event. `facts` has no personal data; personal values are salted commitments."""

    seq = models.BigIntegerField(_("number"), primary_key=True)
    at = models.CharField(
        _("time"),
        max_length=32,
        help_text=_("In UTC. The event’s hash was calculated from exactly this text."),
    )
    event = models.CharField(_("event"), max_length=40, db_index=True)
    starter = models.CharField(_("starter"), max_length=32, blank=True, db_index=True)
    issue = models.CharField(_("pass"), max_length=36, blank=True, db_index=True)
    facts = models.JSONField(_("details of the event (not personal)"), default=dict)
    commitments = models.JSONField(_("hashes of personal details (commitments)"), default=dict)
    previous = models.CharField(_("hash of the previous event"), max_length=64)
    hash = models.CharField(_("hash of this event"), max_length=64, unique=True)

    class Meta:
        ordering = ["-seq"]
        # The key is no row id on SQLite, so the index of `event` alone would not have the order of the events.
        indexes = [models.Index(fields=["event", "seq"], name="audit_event_by_kind")]
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")

    def __str__(self) -> str:
        return f"{self.seq} {self.event}"


class ActorKey(Func):
    """Who acted, as `tenant id/object id`, from the values of a detail; NULL where the values were erased.

    An index has the same expression, so both databases find a person's events without reading all details.
    """

    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="json_extract(%(expressions)s, '$.by')", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s ->> 'by')", **context)


class AuditOutlet(models.Model):
    """One place outside the database that the audit log goes to, and how far it has arrived there."""

    class Name(models.TextChoices):
        EVENTS = "events", _("events in the server log")
        HEAD_LOG = "head_log", _("signed checkpoints in the server log")
        HEAD_FILE = "head_file", _("signed checkpoints in a file")
        HEAD_URL = "head_url", _("signed checkpoints sent to a web address")

    name = models.CharField(max_length=20, primary_key=True, choices=Name)
    seq = models.BigIntegerField(default=0)  # the last event that arrived, or that a head was of
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, default="")  # of the last try, if it failed

    def __str__(self) -> str:
        return f"{self.name}: event {self.seq}"


class AuditCheck(models.Model):
    """The result of the last `verify_audit`: one row. It proves nothing by itself, because it can be changed too."""

    finished_at = models.DateTimeField()
    seq = models.BigIntegerField()  # the last event that was checked
    problems = models.PositiveIntegerField()
    lines = models.JSONField(default=list)  # the first problems, in English, as the command printed them

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_audit_check")]

    def __str__(self) -> str:
        return f"{self.problems} problems until event {self.seq}"


class AuditDetail(models.Model):
    """The personal values of an event. They can be erased, because the chain has only commitments to them."""

    event = models.OneToOneField(
        AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="detail"
    )
    salt = models.CharField(max_length=32)
    values = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(ActorKey("values"), F("event"), name="detail_by_actor")]

    def __str__(self) -> str:
        return f"detail of {self.event_id}"


class AuditKey(models.Model):
    """A key for authentication codes, encrypted under SECRET_KEY. `onboarding/audit/codes.py` uses it."""

    name = models.CharField(max_length=16, primary_key=True)
    sealed = models.TextField()

    def __str__(self) -> str:
        return f"key {self.name}"


class AuditCode(models.Model):
    """The authentication code of an event. Only somebody with the key can make one."""

    event = models.OneToOneField(AuditEvent, on_delete=models.PROTECT, primary_key=True, related_name="code")
    key = models.CharField(max_length=16)  # the name of the AuditKey
    # A code for each person of the event, which names nobody; at a change of key also the code of the key before.
    people = models.JSONField(default=dict)
    code = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"code of {self.event_id}"


class AuditWord(models.Model):
    """One folded word of a name that only the audit log still has: retention has erased the starter's own row.

    It finds the starter's events. It is erased with their details.
    """

    id = models.BigAutoField(primary_key=True)
    starter = models.CharField(max_length=32)
    word = models.CharField(max_length=MAX_WORD_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["starter", "word"], name="audit_word_once")]
        indexes = [
            # The operator class lets PostgreSQL look for a prefix, whatever the database's collation.
            models.Index(
                fields=["word", "starter"],
                name="audit_starter_by_word",
                opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
            )
        ]

    def __str__(self) -> str:
        return self.word
