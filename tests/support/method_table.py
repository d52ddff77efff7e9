"""Each type and state of authentication method, and how the portal must judge it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from onboarding.graph.entities import Method

STARTS = datetime(2026, 10, 5, 6, 0, 0, 500_000, tzinfo=UTC)  # the start of the pass
WHOLE = STARTS.replace(microsecond=0)  # the same second in another format of Graph
SECOND = timedelta(seconds=1)

YES, NO = True, False
# type and state: (blocks, blocks where HR registers phones, closes an unused pass, closes a used pass)
TABLE: dict[tuple[str, str], tuple[bool, bool, bool, bool]] = {
    ("password", "any"): (NO, NO, NO, NO),
    ("email", "any"): (NO, NO, NO, NO),
    ("temporaryAccessPass", "any"): (NO, NO, NO, NO),
    ("fido2", "any"): (YES, YES, YES, YES),
    ("windowsHelloForBusiness", "any"): (YES, YES, YES, YES),
    ("platformCredential", "any"): (YES, YES, YES, YES),
    ("x509Certificate", "any"): (YES, YES, YES, YES),
    ("qrCodePin", "any"): (YES, YES, YES, YES),
    ("microsoftAuthenticator", "before"): (YES, YES, NO, NO),
    ("microsoftAuthenticator", "same second"): (YES, YES, NO, YES),
    ("microsoftAuthenticator", "after"): (YES, YES, NO, YES),
    ("microsoftAuthenticator", "no time"): (YES, YES, NO, NO),
    ("passwordlessMicrosoftAuthenticator", "before"): (YES, YES, NO, NO),
    ("passwordlessMicrosoftAuthenticator", "same second"): (YES, YES, NO, YES),
    ("passwordlessMicrosoftAuthenticator", "after"): (YES, YES, NO, YES),
    ("passwordlessMicrosoftAuthenticator", "no time"): (YES, YES, NO, NO),
    ("phone", "notSupported"): (YES, NO, NO, NO),
    ("phone", "notAllowedByPolicy"): (YES, NO, NO, NO),
    ("phone", "notEnabled"): (YES, NO, NO, NO),
    ("phone", "phoneNumberNotUnique"): (YES, NO, NO, NO),
    ("phone", "ready"): (YES, NO, YES, YES),
    ("phone", "notConfigured"): (YES, NO, NO, NO),
    ("phone", "unknownFutureValue"): (YES, NO, NO, NO),
    ("phone", "Ready"): (YES, NO, NO, NO),
    ("phone", ""): (YES, NO, NO, NO),
    ("softwareOath", "any"): (YES, YES, NO, NO),
    ("hardwareOath", "any"): (YES, YES, NO, NO),
    ("external", "any"): (YES, YES, NO, NO),
    ("resourceAccountKey", "any"): (YES, YES, NO, NO),
    ("telepathy", "any"): (YES, YES, NO, NO),
    ("", "any"): (YES, YES, NO, NO),
}
REGISTERED = {
    "before": WHOLE - SECOND,
    "same second": WHOLE,
    "after": WHOLE + SECOND,
    "no time": None,
}


def method_in(kind: str, state: str, method_id: str = "m") -> Method:
    if kind == "phone":
        return Method(kind, method_id, sign_in_state=state)
    return Method(kind, method_id, created_at=REGISTERED.get(state, WHOLE - SECOND))
