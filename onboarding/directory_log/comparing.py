"""Compares passes in Entra's audit log with the trail: by who created them, for which account, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q

from onboarding import audit
from onboarding.directory_log.findings import Kind, record_finding
from onboarding.graph.listing.audit_log import LoggedPass as Entry
from onboarding.lifecycle import IssueState
from onboarding.models import AuditEvent, LoggedPass, PassIssue, ProbePass, Starter

# The trail has the claim before the request is sent. Both clocks may be wrong, and Microsoft may act late.
BEFORE_THE_CLAIM, AFTER_THE_CLAIM = timedelta(minutes=15), timedelta(minutes=45)
CLAIMED, SHOWN = "issue.intent", "issue.shown"


def is_by_portal(entry: Entry, principal: str) -> bool:
    """Whether one of the portal's identities created it. `principal` is the object id of its service principal.

    A managed identity whose registration calls Graph may still have rights of its own, and made the passes before.
    """
    own = {settings.GRAPH_APPLICATION_ID.lower(), settings.AZURE_CLIENT_ID.lower()}
    return entry.principal_id == principal or entry.application_id in own


@audit.transaction()
def compare_entry(entry: Entry, principal: str) -> None:
    """Compare one entry, unless it was compared before. Nothing of a pass that concerns no starter is kept."""
    if LoggedPass.objects.filter(entry_id=entry.entry_id).exists():
        return
    by_portal = is_by_portal(entry, principal)
    starter = _find_starter(entry)
    issue = _find_attempt(entry) if by_portal else None
    probe = _find_probe(entry) if by_portal and issue is None else None
    if not by_portal and starter is None:
        return
    LoggedPass.objects.create(
        entry_id=entry.entry_id,
        at=entry.at,
        by_portal=by_portal,
        issue=issue,
        probe=probe,
    )
    if issue is None and probe is None:
        record_finding(
            Kind.NO_TRAIL if by_portal else Kind.BY_ANOTHER,
            key=entry.entry_id,
            at=entry.at,
            starter=starter,
            facts={"entry": entry.entry_id},
            personal={"account": entry.account_id} | _creator(entry, by_portal=by_portal),
        )


def _creator(entry: Entry, *, by_portal: bool) -> dict[str, str]:
    """Who created it, as Entra's log names them: a person or an application."""
    if by_portal:
        return {}
    return {"created_by": entry.user_id or entry.principal_id or entry.application_id or "unknown"}


def _find_starter(entry: Entry) -> Starter | None:
    """The starter with this account whose onboarding was going on at that time."""
    if not entry.account_id:
        return None
    going_on = Q(ended_at=None) | Q(ended_at__gte=entry.at)
    found = Starter.objects.filter(going_on, account_id=entry.account_id, recorded_at__lte=entry.at)
    return found.order_by("-recorded_at").first()


def _find_attempt(entry: Entry) -> PassIssue | None:
    """The attempt that explains the pass: the nearest in time that explains no other, and that the trail has."""
    if not entry.account_id:
        return None
    near = PassIssue.objects.filter(
        account_id=entry.account_id,
        logged=None,
        intended_at__gte=entry.at - AFTER_THE_CLAIM,
        intended_at__lte=entry.at + BEFORE_THE_CLAIM,
    ).exclude(state=IssueState.REJECTED, answered_at=None)  # then nothing was sent
    claims = {str(issue.pk): issue for issue in near if _is_claimed_in_trail(issue, entry)}
    return min(claims.values(), key=lambda issue: abs(issue.intended_at - entry.at), default=None)


def _find_probe(entry: Entry) -> ProbePass | None:
    """The probe pass that explains the pass: the nearest in time that explains no other, and that the trail has.

    A request that was not sent, or that Microsoft refused, has created none.
    """
    near = ProbePass.objects.filter(
        account_id=entry.account_id,
        logged=None,
        intended_at__gte=entry.at - AFTER_THE_CLAIM,
        intended_at__lte=entry.at + BEFORE_THE_CLAIM,
    ).exclude(answer__in=[ProbePass.Answer.NOT_SENT, ProbePass.Answer.REFUSED], method_id="")
    claims = AuditEvent.objects.select_related("detail").filter(event="probe.intent")
    found = [probe for probe in near if _says(claims.filter(issue=str(probe.pk)).first(), entry)]
    return min(found, key=lambda probe: abs(probe.intended_at - entry.at), default=None)


def _is_claimed_in_trail(issue: PassIssue, entry: Entry) -> bool:
    """Whether the trail says that a pass for this account was asked for at that time: the row alone proves nothing."""
    claims = AuditEvent.objects.select_related("detail").filter(event=CLAIMED, issue=str(issue.pk))
    return _says(claims.first(), entry)


def _says(claim: AuditEvent | None, entry: Entry) -> bool:
    """Whether this event is about the account and the time of the entry."""
    if claim is None:
        return False
    salt = claim.detail.salt
    commitment = claim.commitments.get("account")
    if commitment and salt and commitment != audit.make_commitment(salt, entry.account_id):
        return False
    claimed_at = datetime.fromisoformat(claim.at)
    return claimed_at - BEFORE_THE_CLAIM <= entry.at <= claimed_at + AFTER_THE_CLAIM


def find_passes_not_logged(since: datetime, until: datetime) -> None:
    """Find passes of the trail in this time that Entra's log does not have. Call this once the log is complete for it."""
    if since >= until:
        return
    shown = AuditEvent.objects.filter(
        event=SHOWN, at__gte=_as_event_time(since), at__lt=_as_event_time(until)
    )
    found = set(shown.values_list("issue", flat=True))
    in_time = PassIssue.objects.filter(intended_at__gte=since - AFTER_THE_CLAIM, intended_at__lt=until)
    for issue in in_time.filter(logged=None).select_related("starter").order_by("intended_at"):
        if str(issue.pk) in found:
            record_finding(
                Kind.NOT_LOGGED,
                key=f"issue:{issue.pk}",
                at=issue.shown_at or issue.intended_at,
                starter=issue.starter,
                issue=issue,
                facts={},
                personal={},
            )


@audit.transaction()
def record_gap(since: datetime, until: datetime) -> None:
    """Record that the log of this time was not compared: the portal did not read it before Entra deleted it."""
    audit.record("directory.not_read", facts={"from": since.isoformat(), "until": until.isoformat()})


def _as_event_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
