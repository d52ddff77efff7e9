"""A probe pass: created to learn how a tenant answers, never shown to anybody, and deleted within minutes."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

PROBES_KEPT = timedelta(days=90)  # after the pass was seen gone
LONGEST_PROBE = 10  # minutes, the shortest lifetime that Microsoft allows


class ProbePass(models.Model):
    """One request for a probe pass. Its id is the `client-request-id` of the request in Microsoft's logs."""

    class Answer(models.TextChoices):
        """What Microsoft answered to the request."""

        NONE = "", _("no answer recorded yet")
        CREATED = "created", _("created")
        REFUSED = "refused", _("refused by Microsoft")
        UNKNOWN = "unknown", _("result not known yet")
        NOT_SENT = "not_sent", _("not sent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account_id = models.CharField(max_length=36)
    check_name = models.CharField(max_length=40)  # what the probe pass is to find out
    lifetime_minutes = models.PositiveSmallIntegerField()
    policy = models.ForeignKey("onboarding.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    intended_at = models.DateTimeField(default=timezone.now, db_index=True)
    lease_until = models.DateTimeField()
    seen_before = models.JSONField(default=list)  # ids of passes that the account had before
    answer = models.CharField(max_length=10, choices=Answer, default=Answer.NONE, blank=True)
    method_id = models.CharField(max_length=128, blank=True, default="")
    listed_seconds = models.PositiveSmallIntegerField(null=True)  # after which the list showed the pass
    answered_at = models.DateTimeField(null=True)  # of a refusal, by Microsoft's clock
    ended_at = models.DateTimeField(null=True)  # Microsoft's list was seen without the pass

    class Meta:
        verbose_name = _("test pass")
        constraints = [
            models.CheckConstraint(
                condition=Q(lifetime_minutes__lte=LONGEST_PROBE), name="probe_pass_lives_ten_minutes"
            )
        ]
        indexes = [models.Index(fields=["account_id"], name="probe_pass_open", condition=Q(ended_at=None))]

    def __str__(self) -> str:
        return f"probe pass {self.pk}"
