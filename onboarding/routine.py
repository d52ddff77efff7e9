"""What the worker does by itself: looks at the directory, invites, reminds, tells others, forgets in time."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.core.management import call_command
from django.db.models import Exists, OuterRef

from onboarding import audit, clock, graph, jobs, letters, moments, notifications, policy, services, step_up
from onboarding.jobs import TryLater, handler
from onboarding.lifecycle import StarterState
from onboarding.models import Approval, AuditDetail, Job, Mail, PassIssue, PolicyVersion, Starter, Turn
from onboarding.models.rules import EscalateTo
from onboarding.moments import Moments
from onboarding.moves import Changed

log = logging.getLogger(__name__)

LOOK_FAR, LOOK_NEAR, LOOK_SOON = timedelta(hours=6), timedelta(minutes=15), timedelta(seconds=2)
LOOK_LATE, LOOKED_ON = timedelta(days=1), timedelta(days=30)
MAIL_TEXT_KEPT = timedelta(days=7)
JOBS_KEPT = timedelta(days=7)


# --- Starters: look again, invite when the time has come, remind on the day --------------------------------------


@handler("look")
def look(starter_id: str) -> datetime | None:
    """Look at one starter's directory facts, do what the calendar asks for, and say when to look again."""
    starter = Starter.objects.select_related("recorded_by").get(pk=starter_id)
    if not starter.is_unfinished:
        return None
    try:
        if starter.account_id:
            services.refresh(starter)
            if starter.state == StarterState.RECORDED and starter.problem not in services.BLOCKING:
                services.forewarn(starter)
        else:
            _look_for_account(starter)
        _calendar(starter)
        _read_sign_in(starter)
    except graph.Throttled as error:
        raise TryLater(error.retry_after) from None
    except Changed:
        log.info("starter changed meanwhile; looked at again soon", extra={"starter": starter.public_id})
        return clock.now() + LOOK_SOON  # what was not read yet is what a manager waits for
    except services.CannotInvite:
        log.info("the link cannot be sent yet", extra={"starter": starter.public_id})
    return _next_look(starter)


def _look_for_account(starter: Starter) -> None:
    """An expected account: tell HR when it appears. Only HR can say that it is the starter's."""
    try:
        account, manager = graph.client().look_up(starter.account_name)
    except graph.NotFound:
        return
    if starter.found_account_id == account.object_id:
        return
    facts = services.directory_facts(account, manager)
    facts |= {"found_account_id": account.object_id, "problem": Starter.Problem.ACCOUNT_FOUND}
    facts.pop("account_name")
    with audit.change():
        Starter.objects.filter(pk=starter.pk, account_id="").update(**facts)
        for name, value in facts.items():
            setattr(starter, name, value)
        audit.record("starter.account_found", starter=starter, personal={"account": account.object_id})
        notifications.account_found(starter)


def _read_sign_in(starter: Starter) -> None:
    """Read whether the account was ever signed in to; only before our first pass, where the tenant tells."""
    if not starter.account_id or starter.problem == Starter.Problem.ACCOUNT_GONE:
        return
    if starter.first_pass_at is not None:
        return
    version = policy.for_starter(starter)
    soon = clock.now() >= starter.starts_at - max(version.lead, version.before)
    if starter.state != StarterState.INVITED and not soon:  # Graph allows ten of these reads a minute
        return
    try:
        seen, told = graph.client().last_sign_in(starter.account_id), True
    except graph.Refused:
        seen, told = None, False  # no licence or no permission: it cannot be known here
    Starter.objects.filter(pk=starter.pk, first_pass_at=None).update(
        last_sign_in_at=seen, sign_in_told=told, sign_in_looked_at=clock.now()
    )


def _calendar(starter: Starter) -> None:
    now, version = clock.now(), policy.for_starter(starter)
    due = moments.of(starter, version)
    if starter.state == StarterState.RECORDED and due.invited <= now <= due.closes:
        if starter.problem in services.BLOCKING or not starter.account_id:
            with audit.change():
                notifications.problem(starter)
        else:
            services.send_link(starter=starter, by=None)
    if starter.state == StarterState.INVITED and now <= due.closes:
        _remind(starter, due, now)
        _escalate(starter, version, due, now)


def _remind(starter: Starter, due: Moments, now: datetime) -> None:
    """On the day, and so many days before as policy says. Whoever was invited within the hour needs no second mail."""
    recent = _invited_just_now(starter, now)
    if now < due.opens:
        if due.reminded_ahead is not None and now >= due.reminded_ahead and not recent:
            with audit.change():
                notifications.reminder_ahead(starter)
    elif due.reminded is not None and starter.reminded_for != starter.start_date:
        with audit.change():
            invited = Starter.objects.filter(pk=starter.pk, state=StarterState.INVITED)
            claimed = invited.exclude(reminded_for=starter.start_date)
            if claimed.update(reminded_for=starter.start_date) and not recent:
                notifications.reminder(starter)


def _invited_just_now(starter: Starter, now: datetime) -> bool:
    return starter.invited_at is not None and starter.invited_at > now - timedelta(hours=1)


def _escalate(starter: Starter, version: PolicyVersion, due: Moments, now: datetime) -> None:
    """Nobody has confirmed, and it is late: others are told, once. What only HR can put right is no manager's fault."""
    if due.escalated is None or now < due.escalated or starter.escalated_for == starter.start_date:
        return
    if _invited_just_now(starter, now):
        return
    if starter.problem in {*services.BLOCKING, Starter.Problem.REFUSED} or starter.issues.exists():
        return
    above = _above(starter) if version.escalate_to == EscalateTo.ABOVE else None
    with audit.change():
        invited = Starter.objects.filter(pk=starter.pk, state=StarterState.INVITED)
        if invited.exclude(escalated_for=starter.start_date).update(escalated_for=starter.start_date):
            notifications.escalation(starter, above)
            told = {"manager": above.object_id} if above else {}
            facts = {"to": version.escalate_to, "found": above is not None}
            audit.record("starter.escalated", starter=starter, facts=facts, personal=told)


def _above(starter: Starter) -> graph.Manager | None:
    """The manager of who should confirm, as the directory says now; nobody where no mail should go to them."""
    try:
        above = graph.client().read_manager(starter.in_charge_id)
    except graph.NotFound:
        return None
    if above is None or not above.mail or above.enabled is not True or above.kind != "member":
        return None
    return None if above.object_id in {starter.account_id, starter.in_charge_id} else above


def _next_look(starter: Starter) -> datetime | None:
    """Often near the day, seldom before; after the window once a day for a month, and then no more."""
    now, version = clock.now(), policy.for_starter(starter)
    due = moments.of(starter, version)
    if now > due.closes:
        return now + LOOK_LATE if now < due.closes + LOOKED_ON else None
    near = now >= due.invited - timedelta(days=1) or not starter.account_id
    return min([now + (LOOK_NEAR if near else LOOK_FAR), *due.after(now)])


# --- Forgetting -----------------------------------------------------------------------------------------------------


@handler("daily")
def forget(_: str) -> datetime:
    """Once a day: erase what is no longer needed. The audit chain stays whole."""
    now, rules = clock.now(), policy.in_force()
    Mail.objects.filter(sent_at__lt=now - MAIL_TEXT_KEPT).exclude(text="").update(text="", html="")
    # One about several says where it went in each of those rows, which are forgotten with their starters.
    together = Mail.objects.filter(kind=letters.DIGEST, written_at__lt=now - MAIL_TEXT_KEPT).exclude(box="")
    together.update(to="", box="", subject="", text="", html="")
    Job.objects.filter(done_at__lt=now - JOBS_KEPT).delete()
    Turn.objects.filter(lapses_at__lt=now).delete()
    step_up.forget_used(now)
    call_command("clearsessions")
    finished = Starter.objects.filter(ended_at__lt=now - rules.retention, erased_at=None)
    for starter in finished.order_by("pk")[:500]:
        erase(starter)
    kept = AuditDetail.objects.filter(event__starter=OuterRef("public_id")).exclude(salt="")
    old = Starter.objects.filter(Exists(kept), ended_at__lt=now - timedelta(days=rules.audit_days))
    for public_id in old.order_by("pk").values_list("public_id", flat=True)[:500]:
        audit.erase(public_id)
    return now + timedelta(days=1)


@audit.change()
def erase(starter: Starter) -> None:
    """Forget who the starter was; that somebody started, when, and how it went, stays."""
    blank = dict.fromkeys(
        [
            "account_id", "found_account_id", "display_name", "job_title", "department", "employee_id",
            "first_manager_id", "manager_id", "manager_name", "manager_mail", "note", "stand_in_for", "stand_in_id",
            "stand_in_name", "stand_in_mail",
        ],
        "",
    )  # fmt: skip
    account_name = f"erased-{starter.public_id}"
    Starter.objects.filter(pk=starter.pk).update(
        **blank, seen={}, account_name=account_name, hire_date=None, erased_at=clock.now()
    )
    Approval.objects.filter(starter=starter).update(reason="")
    PassIssue.objects.filter(starter=starter).update(account_id="")
    Mail.objects.filter(starter=starter).update(to="", reader_id="", box="", subject="", text="", html="")
    audit.record("starter.erased", starter=starter)


def start_daily() -> None:
    jobs.ask("daily:forget", priority=Job.Priority.LOOK)
