"""Guards about the person who confirms: the current manager, not involved as HR, not an admin, within the daily limits."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from onboarding import participants
from onboarding.guards import approvals, daily_limits
from onboarding.guards.engine import Guard, Question
from onboarding.i18n import Words
from onboarding.participants import AdminInvolvement

_IS_ADMIN = _("Admins cannot create passes.")
_IS_ADMIN_HR = _(
    "The manager is an admin of this portal. Assign the manager’s manager as stand-in, or ask IT to set "
    "another manager in Entra."
)
_WROTE_POLICY = _(
    "You wrote or activated the policy that applies to this starter, so you cannot create the pass."
)
_WROTE_POLICY_HR = _(
    "The manager wrote or activated the current version of the policy. They cannot create passes while it "
    "is in force. Assign the manager’s manager as stand-in, or ask another admin to write and activate a "
    "new version."
)
_WAS_ADMIN = _("You were an admin in the last {days} days, so you cannot create passes.")
_WAS_ADMIN_HR = _(
    "The manager was an admin in the last {days} days. Assign the manager’s manager as stand-in, or wait "
    "until the manager has not been an admin for {days} days."
)


def same_manager(q: Question) -> bool:
    manager = q.facts.manager
    return manager is not None and q.starter.seen.get("manager_id") == manager.object_id


SAME_MANAGER = Guard(
    "same_manager",
    _("Change of manager"),
    same_manager,
    _("The manager in Entra has changed since HR checked the account."),
    _(
        "Entra now lists a different manager than when HR checked the account. Check on the starter’s page "
        "whether the new manager is right."
    ),
    setting="same_manager",
)


def manager_now(q: Question) -> bool:
    """Check that this person is the confirmer: the manager, or the stand-in that HR assigned."""
    return q.confirmer is not None and q.confirmer.object_id == q.person.oid


MANAGER_NOW = Guard(
    "manager_now",
    _("Person who creates the pass"),
    manager_now,
    _("You can no longer create a pass for this person. Ask HR who can create it."),
    _(
        "Someone who cannot create the pass tried to create it. Only the stand-in can create it, or the "
        "manager in Entra if there is no stand-in. If this person should be the manager, ask IT to change "
        "the manager in Entra."
    ),
    alarming=True,
    personal=True,
)


def manager_enabled(q: Question) -> bool:
    """Check the account of the person who confirms. If HR assigned a stand-in, the manager's account may be disabled."""
    manager = q.confirmer
    return manager is not None and manager.enabled is True and manager.kind == "member"


MANAGER_ENABLED = Guard(
    "manager_enabled",
    _("Status of the manager’s account"),
    manager_enabled,
    _("Your account is disabled or is a guest account, so you cannot create passes."),
    _(
        "Ask IT to check the account of the manager or stand-in. It may be disabled or a guest account. "
        "If there is a stand-in, also ask IT whether the manager still has a manager in Entra."
    ),
    alarming=True,
)


def three_people(q: Question) -> bool:
    """Check that the HR people involved, the confirmer and the starter are different people.

    HR people are involved if they recorded the starter, chose the account, set the time or approved.
    """
    confirmer, receiver = q.identity_of(q.confirmer_id), q.identity_of(q.account.object_id)
    hr = [q.identity_of(object_id) for object_id in participants.hr_participant_ids(q.starter)]
    if confirmer.is_same_person(receiver):
        return False
    return not any(
        participant.is_same_person(confirmer) or participant.is_same_person(receiver) for participant in hr
    )


THREE_PEOPLE = Guard(
    "three_people",
    _("Three different people: HR, manager and starter"),
    three_people,
    _("You cannot create this pass, because HR, manager and starter must be three different people."),
    _(
        "HR, manager and starter must be three different people. Accounts with the same employee number "
        "count as one person. If this starter was already added, withdraw them first. Then ask an HR "
        "colleague to add them."
    ),
)


def recorder_is_a_person(q: Question) -> bool:
    """Check that somebody in HR accepted the starter that another system added."""
    return not q.starter.awaits_acceptance


RECORDER_IS_A_PERSON = Guard(
    "recorder_is_a_person",
    _("Starter added or accepted by HR"),
    recorder_is_a_person,
    _("HR must accept this starter first."),
    _("Another system added this starter. Accept the starter under “Starters to accept”."),
)


def is_approved(q: Question) -> bool:
    """Check that another HR person gave every approval that the policy asks for."""
    contributors = [q.identity_of(object_id) for object_id in q.starter.contributor_ids]

    def is_another(oid: str) -> bool:
        return not any(contributor.is_same_person(q.identity_of(oid)) for contributor in contributors)

    return not approvals.list_missing_approvals(q.starter, q.policy, counts=is_another)


APPROVED = Guard(
    "approved",
    _("Approval by a second person in HR"),
    is_approved,
    _("A second person in HR must approve first."),
    _("An HR colleague who did not add or change this starter must approve on the starter’s page."),
)


def not_an_admin(q: Question) -> bool:
    return _find_own_admin_involvement(q) is None


def _find_own_admin_involvement(q: Question) -> AdminInvolvement | None:
    """Return how the confirmer was involved with the policy, also with other accounts of the same employee number."""
    known = [q.identity_of(object_id) for object_id in {q.person.oid, *q.facts.numbers}]
    return participants.find_admin_involvement(q.person, q.policy, q.now, identities=known)


def _explain_admin(q: Question) -> tuple[Words, Words]:
    """Return why this admin cannot confirm, for them and for HR."""
    days = q.policy.admin_days
    match _find_own_admin_involvement(q):
        case AdminInvolvement.WROTE:
            return _WROTE_POLICY, _WROTE_POLICY_HR
        case AdminInvolvement.WAS_ADMIN:
            return format_lazy(_WAS_ADMIN, days=days), format_lazy(_WAS_ADMIN_HR, days=days)
        case _:
            return _IS_ADMIN, _IS_ADMIN_HR


NOT_AN_ADMIN = Guard(
    "not_an_admin",
    _("Manager’s role as admin"),
    not_an_admin,
    _IS_ADMIN,
    _(
        "The manager is or was an admin of this portal, or wrote or activated its policy. Assign the "
        "manager’s manager as stand-in, or ask IT to set another manager in Entra."
    ),
    personal=True,
    explain=_explain_admin,
)


def manager_has_room(q: Question) -> bool:
    return daily_limits.is_manager_below_limit(q.person, q.policy)


MANAGER_HAS_ROOM = Guard(
    "manager_has_room",
    _("Manager’s daily limit"),
    manager_has_room,
    _("You have reached the daily limit of passes for one manager."),
    _(
        "This manager has reached the daily limit of passes for one manager. If so many people really start "
        "today, ask an admin to raise the limit."
    ),
    alarming=True,
    personal=True,
    at_click=True,
)


def site_has_room(q: Question) -> bool:
    return daily_limits.is_site_below_limit(q.policy)


SITE_HAS_ROOM = Guard(
    "site_has_room",
    _("Organisation’s daily limit"),
    site_has_room,
    _("The portal has reached the daily limit of passes for the whole organisation."),
    _(
        "The portal has reached the daily limit of passes for the whole organisation. If so many people "
        "really start today, ask an admin to raise the limit."
    ),
    alarming=True,
    at_click=True,
)
