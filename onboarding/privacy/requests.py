"""Erasing one person on request. It takes two admins: one asks, another carries it out.

It is refused while the portal still needs the person. It removes working data at once: finished starters that name the
person are erased before their time, and so is the person's own row. The details of the audit log stay until their own
time is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from onboarding import audit, clock, graph
from onboarding.errors import OnboardingError
from onboarding.i18n import Words
from onboarding.lifecycle import OPEN_ISSUE
from onboarding.mail import notifications
from onboarding.models import Approval, AuditEvent, Job, Mail, PassIssue, Starter, Ticket
from onboarding.privacy import search
from onboarding.privacy.needed import ID_FIELDS, people_behind_policies
from onboarding.privacy.people import erase_person
from onboarding.privacy.rule_types import Link
from onboarding.privacy.rules import RULES, WITH_THE_ROW
from onboarding.privacy.search import OnePerson
from onboarding.privacy.starters import erase_mails, erase_starter
from onboarding.sessions.freshness import require_fresh_sign_in
from onboarding.sessions.second_person import are_two_people

ASKED, DONE = audit.ERASURE_ASKED, audit.ERASURE_DONE
VALID_FOR = timedelta(days=14)
IS_A_STARTER = _(
    "This person is a starter whose onboarding is not finished. Ask HR to withdraw the starter, or wait "
    "until the onboarding is finished."
)
TAKES_PART = _(
    "This person takes part in an onboarding that is not finished, for example as the manager, the "
    "stand-in or in HR. Wait until the onboarding is finished."
)
HAS_A_PASS = _(
    "This person may still have a valid pass. Wait until the pass has ended. “Pass attempts” in the "
    "administration shows its state."
)
IS_STOPPED = _("An emergency stop is in force for this person. Two people in HR must end it first.")
TOOK_PART_IN_STOPPED = _(
    "This person took part in an onboarding with an emergency stop that is still in force. Two people in HR must end "
    "the stop first."
)
IS_BEHIND_THE_POLICY = _(
    "The portal still needs this person’s data. The person was recently an admin, or wrote or activated a "
    "policy version that is in force, was recently in force or may still come into force. Try again later."
)


class ErasureRefused(OnboardingError):
    """The person cannot be erased now. The message says why."""

    def __init__(self, message: Words) -> None:
        super().__init__(str(message))
        self.message = message


@dataclass(frozen=True)
class ErasureRequest:
    """A request that waits for another admin. `number` is that of its audit event."""

    number: int
    at: datetime
    person: str
    by: str
    by_name: str
    reason: str

    def is_of(self, admin: Any) -> bool:
        return self.by == f"{admin.tid}/{admin.oid}"


def list_requests() -> list[ErasureRequest]:
    """Return the requests that were not carried out yet and are not too old, the oldest first."""
    since = (clock.now() - VALID_FOR).astimezone(UTC).isoformat(timespec="milliseconds")
    done = AuditEvent.objects.filter(event=DONE).values_list("facts__request", flat=True)
    asked = AuditEvent.objects.filter(event=ASKED, at__gt=since).exclude(seq__in=list(done))
    return [_read_request(event) for event in asked.select_related("detail").order_by("seq")]


def _read_request(event: AuditEvent) -> ErasureRequest:
    values = event.detail.values
    return ErasureRequest(
        event.seq,
        datetime.fromisoformat(event.at),
        *(str(values.get(name, "")) for name in ("person", "by", "by_name", "reason")),
    )


def find_reason_against(person: OnePerson) -> Words:
    """Return why this person cannot be erased now; empty if nothing speaks against it."""
    if person.starters.unfinished().exists():
        return IS_A_STARTER
    if Starter.objects.unfinished().filter(_took_part(person)).exists():
        return TAKES_PART
    if PassIssue.objects.filter(starter__in=person.starters, state__in=list(OPEN_ISSUE)).exists():
        return HAS_A_PASS
    if person.starters.filter(stopped_at__isnull=False, erased_at=None).exists():
        return IS_STOPPED
    if Starter.objects.filter(_took_part(person), stopped_at__isnull=False, erased_at=None).exists():
        return TOOK_PART_IN_STOPPED
    if person.users.filter(people_behind_policies(clock.now())).exists():
        return IS_BEHIND_THE_POLICY
    return ""


def ask_for_erasure(typed: str, *, by: Any, reason: str) -> int:
    """Ask another admin to erase this person, and return the number of the request. Raises ErasureRefused."""
    require_fresh_sign_in(by)
    person = search.find_person(typed)
    with audit.transaction():
        _require_admin(by)
        _require_possible(person)
        if any(person.identifiers and one.person in person.identifiers for one in list_requests()):
            raise ErasureRefused(
                gettext("An admin has already requested this erasure. Another admin must carry it out.")
            )
        personal = {"person": typed.strip().lower(), "reason": reason}
        event = audit.record(ASKED, by=by, personal=personal)
        notifications.write_erasure(number=event.seq, by=by, reason=reason, is_done=False)
    return event.seq


def carry_out(number: int, *, by: Any) -> dict[str, int]:
    """Another admin erases the person of this request. Returns what was erased, in numbers. Raises ErasureRefused."""
    require_fresh_sign_in(by)
    _require_other_person(number, by)
    with audit.transaction():
        _require_admin(by)
        request = next((one for one in list_requests() if one.number == number), None)
        if request is None:
            raise ErasureRefused(
                gettext(
                    "This erasure was already carried out, or the request has expired. Request the erasure "
                    "again if you still need it."
                )
            )
        if request.is_of(by):
            raise ErasureRefused(gettext("You requested this erasure. Another admin must carry it out."))
        person = search.find_person(request.person)
        _require_possible(person)
        counts = _erase(person, number, by=by)
        audit.record(DONE, by=by, facts={"request": number, **counts})
        notifications.write_erasure(number=number, by=by, reason=request.reason, is_done=True)
    return counts


def _require_admin(by: Any) -> None:
    if not by.is_admin:
        raise ErasureRefused(gettext("Only an admin can erase a person’s data."))


def _require_other_person(number: int, by: Any) -> None:
    """Before the transaction, because it asks Entra. A request that is not there is refused later."""
    for request in list_requests():
        if request.number != number or request.is_of(by):
            continue
        try:
            is_another = are_two_people(request.by.rpartition("/")[2], by.oid)
        except graph.GraphError:
            raise ErasureRefused(
                gettext(
                    "Nothing was erased, because the portal could not check in Entra that you and the "
                    "other admin are different people. Try again."
                )
            ) from None
        if not is_another:
            raise ErasureRefused(
                gettext(
                    "You and the admin who requested the erasure have the same employee number, so you "
                    "count as one person. Another admin must carry out the erasure."
                )
            )


def _require_possible(person: OnePerson) -> None:
    if reason := find_reason_against(person):
        raise ErasureRefused(reason)


def _erase(person: OnePerson, number: int, *, by: Any) -> dict[str, int]:
    """Erase the working data. The audit log keeps its details until their own time is over."""
    starters = list(Starter.objects.filter(_took_part(person) | Q(pk__in=person.starters), erased_at=None))
    for starter in starters:
        erase_starter(starter)
    addressed = Q(reader_id__in=person.object_ids)
    for name in person.names:
        addressed |= Q(to__iexact=name)
    mails = erase_mails(Mail.objects.filter(addressed, starter=None))
    _erase_digests(starters)
    Session.objects.filter(pk__in=search.find_sessions(person)).delete()
    for rule in RULES:
        for one in rule.personal:
            if one.erased == WITH_THE_ROW and one.link not in {Link.NONE, Link.TEXT}:
                search.rows_linked(rule, one, person).delete()
    for text in person.identifiers:
        Job.objects.filter(last_error__icontains=text).update(last_error="")
    users = list(person.users)
    for user in users:
        erase_person(user, by=by, facts={"request": number})
    return {"starters": len(starters), "mails": mails, "people": len(users)}


def _erase_digests(starters: list[Starter]) -> None:
    """Digests that name these starters. One that waits is written again without them before it is sent."""
    ended = Q(sent_at__isnull=False) | Q(dropped_at__isnull=False) | Q(refused_at__isnull=False)
    named = Mail.objects.filter(starter__in=starters).exclude(digest=None).values("digest")
    erase_mails(Mail.objects.filter(ended, pk__in=named))


def _took_part(person: OnePerson) -> Q:
    """Match the starters in which the person took part: as manager, stand-in, in HR, or by asking for them."""
    found = Q(recorded_by__in=person.user_ids)
    for name in ID_FIELDS:
        found |= Q(**{f"{name}__in": person.object_ids})
    for table, name in ((PassIssue, "actor"), (Approval, "by")):
        rows = table.objects.filter(**{f"{name}__in": person.user_ids})
        found |= Q(pk__in=rows.values("starter"))
    found |= Q(pk__in=Ticket.objects.filter(requested_by_id__in=person.object_ids).values("starter"))
    listed = Starter.objects.filter(erased_at=None).alias(contributors=Cast("shaped_by", TextField()))
    for oid in person.object_ids:
        found |= Q(pk__in=listed.filter(contributors__contains=oid).values("pk"))
    return found
