"""Every type of authentication method that Microsoft Graph lists, with two rules.

May a new starter already have it, and does it let the starter sign in again? Sources: the resource types derived from
`authenticationMethod` (Graph v1.0, and beta where marked). An unknown type blocks a new starter and does not count as a
way to sign in again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from onboarding.graph.entities import Method

# `smsSignInState` of a phone that can sign in alone. In every other state, the phone needs another method.
READY = "ready"


class Blocks(StrEnum):
    """Does the method stop a new starter from getting a pass?"""

    YES = "yes"
    NO = "no"
    UNLESS_EXPECTED = "unless HR registers phones beforehand"


class Closes(StrEnum):
    """Can the starter sign in again by this method alone?"""

    YES = "yes"
    NO = "no"
    WHEN_READY = "when its SMS sign-in is ready"
    AFTER_USE = "when it was registered after the pass was used"


@dataclass(frozen=True, slots=True)
class MethodRule:
    """The two rules for one type, which is named as in `@odata.type` without its ending."""

    type: str
    blocks: Blocks
    closes: Closes
    second_factor: bool = False  # signs in only together with another method


RULES = (
    # Every account has a password, and a reset needs other methods. Other guards check passes.
    MethodRule("password", Blocks.NO, Closes.NO),
    MethodRule("email", Blocks.NO, Closes.NO),  # for self-service password reset only
    MethodRule("temporaryAccessPass", Blocks.NO, Closes.NO),
    # These can sign in alone.
    MethodRule("fido2", Blocks.YES, Closes.YES),
    MethodRule("windowsHelloForBusiness", Blocks.YES, Closes.YES),
    MethodRule("platformCredential", Blocks.YES, Closes.YES),
    MethodRule("x509Certificate", Blocks.YES, Closes.YES),
    MethodRule("qrCodePin", Blocks.YES, Closes.YES),
    # Graph does not say whether an Authenticator can sign in without a password, but the holder of the pass set up the
    # one that was registered with it. `createdDateTime` is null if it is known that it cannot.
    MethodRule("microsoftAuthenticator", Blocks.YES, Closes.AFTER_USE),
    MethodRule("passwordlessMicrosoftAuthenticator", Blocks.YES, Closes.AFTER_USE),  # beta, retired
    MethodRule("phone", Blocks.UNLESS_EXPECTED, Closes.WHEN_READY, second_factor=True),
    # Second factors: they cannot sign in alone.
    MethodRule("softwareOath", Blocks.YES, Closes.NO, second_factor=True),
    MethodRule("hardwareOath", Blocks.YES, Closes.NO, second_factor=True),  # beta
    MethodRule("external", Blocks.YES, Closes.NO, second_factor=True),
    MethodRule("resourceAccountKey", Blocks.YES, Closes.NO),  # of a room or device, not of a person
)
BY_TYPE = {rule.type: rule for rule in RULES}


def rule_of(method: Method) -> MethodRule:
    """Return the rule of this method's type. An unknown type blocks and does not close."""
    return BY_TYPE.get(method.type) or MethodRule(method.type, Blocks.YES, Closes.NO)


def blocks_new_starter(method: Method, *, phones_expected: bool) -> bool:
    """Does this method stop a new starter? `phones_expected`: policy says that HR registers phones beforehand."""
    match rule_of(method).blocks:
        case Blocks.NO:
            return False
        case Blocks.UNLESS_EXPECTED:
            return not phones_expected
        case _:
            return True


def is_second_factor(method: Method) -> bool:
    """Whether this is a known type that needs another method to sign in, in its present state."""
    rule = rule_of(method)
    return rule.second_factor and not (rule.closes == Closes.WHEN_READY and method.sign_in_state == READY)


def closes_starter(method: Method, *, used_from: datetime | None) -> bool:
    """Can the starter sign in again by this method?

    `used_from` is the time from which the pass could be used, by Microsoft's clock, or None if it is not known to be
    used. A method without a time of registration never counts as registered later.
    """
    match rule_of(method).closes:
        case Closes.YES:
            return True
        case Closes.WHEN_READY:
            return method.sign_in_state == READY
        case Closes.AFTER_USE:
            start = used_from and used_from.replace(microsecond=0)  # Graph may write whole seconds
            return start is not None and method.created_at is not None and method.created_at >= start
        case _:
            return False


def can_sign_in_again(
    methods: Iterable[Method], *, before: Collection[str], used_from: datetime | None
) -> bool:
    """Does one of these methods let the starter sign in again?

    `before` has the ids of methods from before the use of the pass: the starter did not register these with it. A method
    without an id does not count, because it may be one of them.
    """
    return any(
        method.method_id and method.method_id not in before and closes_starter(method, used_from=used_from)
        for method in methods
    )


def registered_too_early(methods: Iterable[Method]) -> list[str]:
    """Return the ids of methods that count only if they were registered after the use of the pass, which is unused."""
    return [
        method.method_id
        for method in methods
        if method.method_id and rule_of(method).closes == Closes.AFTER_USE
    ]
