"""Every type of authentication method that Microsoft Graph lists, with two verdicts: may a new starter have it
already, and does it let the starter sign in again?

Sources: the resource types derived from `authenticationMethod` (Graph v1.0, and beta where marked). A type that is
not in the table blocks and does not close: nobody knows yet what it opens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from onboarding.graph.entities import Method

# `smsSignInState` of a phone that can sign in by itself. Every other state needs another method beside it.
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
    """The two verdicts for one type, named as in `@odata.type` without its ending."""

    type: str
    blocks: Blocks
    closes: Closes
    second_factor: bool = False  # needs another method beside it


RULES = (
    # An account comes with a password; a reset needs other methods. A pass has guards of its own.
    MethodRule("password", Blocks.NO, Closes.NO),
    MethodRule("email", Blocks.NO, Closes.NO),  # for self-service password reset only
    MethodRule("temporaryAccessPass", Blocks.NO, Closes.NO),
    # Sign in by themselves.
    MethodRule("fido2", Blocks.YES, Closes.YES),
    MethodRule("windowsHelloForBusiness", Blocks.YES, Closes.YES),
    MethodRule("platformCredential", Blocks.YES, Closes.YES),
    MethodRule("x509Certificate", Blocks.YES, Closes.YES),
    MethodRule("qrCodePin", Blocks.YES, Closes.YES),
    # Graph does not say whether an Authenticator signs in without a password, but one that was registered with the
    # pass is set up by the person who holds it. `createdDateTime` is null where it is known not to.
    MethodRule("microsoftAuthenticator", Blocks.YES, Closes.AFTER_USE),
    MethodRule("passwordlessMicrosoftAuthenticator", Blocks.YES, Closes.AFTER_USE),  # beta, retired
    MethodRule("phone", Blocks.UNLESS_EXPECTED, Closes.WHEN_READY, second_factor=True),
    # Second factors: they open nothing by themselves.
    MethodRule("softwareOath", Blocks.YES, Closes.NO, second_factor=True),
    MethodRule("hardwareOath", Blocks.YES, Closes.NO, second_factor=True),  # beta
    MethodRule("external", Blocks.YES, Closes.NO, second_factor=True),
    MethodRule("resourceAccountKey", Blocks.YES, Closes.NO),  # of a room or device, not of a person
)
BY_TYPE = {rule.type: rule for rule in RULES}


def rule_of(method: Method) -> MethodRule:
    """The rule of this method's type. An unknown type blocks and does not close."""
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
    """A known type that needs another method beside it, in the state that it has now."""
    rule = rule_of(method)
    return rule.second_factor and not (rule.closes == Closes.WHEN_READY and method.sign_in_state == READY)


def closes_starter(method: Method, *, used_from: datetime | None) -> bool:
    """Can the starter sign in again by this method?

    `used_from`: the moment from which the pass could be used, by Microsoft's clock, where its use is known; else None.
    A method without a time of registration is never proof of one that was registered later.
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

    `before` holds the ids of methods that were there before the pass was used: the starter did not register those
    with it. A method without an id cannot be told from them.
    """
    return any(
        method.method_id and method.method_id not in before and closes_starter(method, used_from=used_from)
        for method in methods
    )


def registered_too_early(methods: Iterable[Method]) -> list[str]:
    """While the pass is unused: the ids of methods that would close a starter only if they came after its use."""
    return [
        method.method_id
        for method in methods
        if method.method_id and rule_of(method).closes == Closes.AFTER_USE
    ]
