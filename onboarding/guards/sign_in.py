"""Guards about sign-ins: to the starter's account before the first pass, and by the manager."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from onboarding import graph
from onboarding.graph import Account, LivePass, Method, SignIns
from onboarding.guards import step_up
from onboarding.guards.engine import EARLY, Guard, Place, Question
from onboarding.models import AuditDetail, DirectoryFinding, EffectivePolicy, PassIssue


def may_never_have_been_used(q: Question) -> bool:
    """Return whether it can be known if somebody signed in before. True at early places, before it was read."""
    if q.starter.sign_in_looked_at is None:
        return q.place in EARLY
    return _has_signed_in(q) is not None


def _has_signed_in(q: Question) -> bool | None:
    """Return whether somebody signed in to the account, by the data read before the portal's first pass.

    None if that cannot be known: the tenant does not permit the read, or the account is older than the records. A known
    sign-in stays known, even if the tenant no longer permits the read.
    """
    known = SignIns(q.starter.last_sign_in_at, q.starter.last_attempt_at)
    used = known.was_used(q.account.created_at)
    return None if used is False and not q.starter.sign_in_told else used


def never_signed_in(q: Question) -> bool:
    """Check that the data proves that nobody signed in. Missing data is no proof."""
    if q.starter.last_sign_in_at is not None:
        return False
    if q.starter.sign_in_looked_at is None:
        return q.place in EARLY
    return _has_signed_in(q) is False


def are_sign_ins_unreadable(q: Question) -> bool:
    """Return whether the portal tried to read the sign-in activity, and cannot know the answer."""
    return q.starter.sign_in_looked_at is not None and _has_signed_in(q) is None


NEVER_SIGNED_IN = Guard(
    "never_signed_in",
    _("Earlier sign-ins with the account"),
    never_signed_in,
    _("Someone has already signed in with this account."),
    _(
        "Someone signed in with this account before its first pass was created. Ask the security team to "
        "find out who it was."
    ),
    alarming=True,
    setting="sign_ins",
    is_unreadable=are_sign_ins_unreadable,
    unread_for_hr=_(
        "The portal cannot check whether anyone has signed in with this account before. Perhaps the portal "
        "lacks a permission, or the account is older than Microsoft’s sign-in records. IT can run "
        "`manage.py doctor` to find out. An admin can change the policy so that the portal continues "
        "without this check."
    ),
)


def no_own_method(q: Question) -> bool:
    """Check that the account has no method that blocks a new starter (see `graph/methods.py`).

    Second factors that the starter registered with an earlier pass of the portal do not block: they would need another
    pass to get in again.
    """
    if q.facts.methods is None:
        return False
    expected = q.policy.phones_beforehand is True
    found = [
        method for method in q.facts.methods if graph.blocks_new_starter(method, phones_expected=expected)
    ]
    used = [issue for issue in q.starter.issues.all() if _was_used(issue, q.account)] if found else []
    return all(_was_registered_with_pass(method, used) for method in found)


def _was_used(issue: PassIssue, account: Account) -> bool:
    return issue.used_at is not None and issue.account_id == account.object_id


def _was_registered_with_pass(method: Method, used: Iterable[PassIssue]) -> bool:
    """Return whether this is a second factor that did not exist before an earlier pass that was used."""
    return (
        bool(method.method_id)
        and graph.is_second_factor(method)
        and any(method.method_id not in issue.methods_before for issue in used)
    )


def is_sign_in_fresh(signed_in_at: datetime | None, policy: EffectivePolicy, now: datetime) -> bool:
    """Return whether the manager signed in recently, by `auth_time` of the token."""
    return signed_in_at is not None and step_up.is_recent(signed_in_at, policy, now)


NO_OWN_METHOD = Guard(
    "no_own_method",
    _("Sign-in methods of the account"),
    no_own_method,
    _("This account already has a sign-in method, so the portal cannot create a pass."),
    _(
        "The account already has a sign-in method, such as a passkey, an authenticator app or a phone. If "
        "the starter cannot use that method, ask IT to remove it. If HR registers phone numbers before the "
        "first day, an admin can allow phones in the policy."
    ),
    alarming=True,
    scarce=True,
)


def sign_in_is_fresh(q: Question) -> bool:
    return is_sign_in_fresh(q.signed_in_at, q.policy, q.now)


SIGN_IN_IS_FRESH = Guard(
    "sign_in_is_fresh",
    _("Manager’s last sign-in"),
    sign_in_is_fresh,
    _("No pass was created, because you signed in too long ago. Sign in again, then create the pass."),
    _("The manager signed in too long ago. The portal asks them to sign in again."),
    personal=True,
    at_click=True,
)


def step_up_is_for_this(q: Question) -> bool:
    return step_up.is_valid_proof(q.proof, starter=q.starter, person=q.person, rules=q.policy, now=q.now)


STEP_UP_IS_FOR_THIS = Guard(
    "step_up_is_for_this",
    _("Manager’s sign-in for this pass"),
    step_up_is_for_this,
    _(
        "No pass was created, because you must sign in from this page for each pass. Sign in again, then "
        "create the pass."
    ),
    _(
        "The manager did not sign in for this pass. Each pass needs its own sign-in. The portal asks the "
        "manager to sign in again."
    ),
    personal=True,
    at_click=True,
)


def no_foreign_pass(q: Question) -> bool:
    """Check for live passes of other tools. Only the ones that the manager saw and chose to replace are allowed."""
    return q.facts.passes is not None and {live.method_id for live in foreign_passes(q)} <= q.replacing


def foreign_passes(q: Question) -> list[LivePass]:
    ours = set(q.starter.issues.exclude(method_id="").values_list("method_id", flat=True))
    return [live for live in q.facts.passes or () if live.method_id not in ours and live.may_live]


NO_FOREIGN_PASS = Guard(
    "no_foreign_pass",
    _("Passes created outside the portal"),
    no_foreign_pass,
    _("This account already has a pass that was created outside the portal."),
    _(
        "This account already has a valid pass that was created outside the portal. The manager can "
        "replace it on the starter’s page, or IT can delete it."
    ),
    alarming=True,
    scarce=True,
)


def no_unknown_pass(q: Question) -> bool:
    """Check that no open alarm says that the portal's identity created a pass which this database does not know.

    So it is after a backup was restored: the starter may have been served already. An admin resolves the alarm. While HR
    adds a starter this costs no query: the worker asks about each one that is saved.
    """
    if q.place is Place.RECORDED:
        return True
    kinds = [DirectoryFinding.Kind.RESTORED, DirectoryFinding.Kind.NO_TRAIL]
    alarms = DirectoryFinding.objects.filter(kind__in=kinds, closed_at=None)
    if alarms.filter(starter__account_id=q.account.object_id).exists():
        return False
    # Entra's audit log named the account before HR added the starter, or the starter got another account since.
    events = list(alarms.values_list("event", flat=True))
    named = AuditDetail.objects.filter(event__in=events, values__account=q.account.object_id)
    return not (events and named.exists())


NO_UNKNOWN_PASS = Guard(
    "no_unknown_pass",
    _("Passes that the portal does not know"),
    no_unknown_pass,
    _("This account may have received a pass that the portal does not know. HR must check this first."),
    _(
        "This account may have received a pass that the portal does not know, for example because the portal was "
        "restored from a backup. Ask the manager whether the starter can already sign in. Then ask an admin to mark the "
        "alarm as resolved."
    ),
)
