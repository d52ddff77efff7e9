"""Sign-in sessions, authorization codes, and the sessions of starters."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

CODE_AGE = 600.0  # an authorization code lives ten minutes


@dataclass(frozen=True, slots=True)
class Grant:
    """The sign-in behind one authorization code."""

    person: str
    auth_time: int
    session: str
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str
    contexts: tuple[str, ...]
    scope: str = "openid profile"
    made: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class StarterSession:
    """A starter signed in with a pass (they can register a method for ten minutes) or a passkey."""

    person: str
    began: float
    pass_id: str | None


def sid_of(cookie: str) -> str:
    """The claim `sid` of a session."""
    return cookie[:16]


class Sessions:
    """Kept in memory only: after a restart people sign in again."""

    def __init__(self) -> None:
        self.browsers: dict[str, dict[str, int]] = {}  # cookie → person → when they signed in
        self.applications: dict[str, set[str]] = {}  # cookie → client ids that got a code
        self.grants: dict[str, Grant] = {}
        self.starters: dict[str, StarterSession] = {}

    def sign_in(self, cookie: str, person: str, auth_time: int) -> str:
        session = cookie if cookie in self.browsers else secrets.token_urlsafe(24)
        self.browsers.setdefault(session, {})[person] = auth_time
        return session

    def signed_in(self, cookie: str) -> dict[str, int]:
        return self.browsers.get(cookie, {})

    def sign_out(self, cookie: str) -> set[str]:
        """End the session. Returns the client ids of the applications that were signed in to with it."""
        self.browsers.pop(cookie, None)
        return self.applications.pop(cookie, set())

    def end_for(self, person: str) -> None:
        for people in self.browsers.values():
            people.pop(person, None)

    def revoke(self, person: str) -> None:
        """End each session of one person, in every browser."""
        for people in self.browsers.values():
            people.pop(person, None)
        self.starters = {
            cookie: session for cookie, session in self.starters.items() if session.person != person
        }

    def issue_code(self, grant: Grant) -> str:
        code = f"1.{secrets.token_urlsafe(48)}"
        self.grants[code] = grant
        self.applications.setdefault(grant.session, set()).add(grant.client_id)
        return code

    def redeem_code(self, code: str) -> Grant | None:
        """Once, and within ten minutes."""
        grant = self.grants.pop(code, None)
        return grant if grant and time.time() - grant.made <= CODE_AGE else None
