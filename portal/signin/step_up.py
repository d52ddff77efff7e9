"""A sign-in of its own for one purpose: which authentication context it must meet, and the proof that it did.

What purposes there are, and what each needs, is the work's to say: a setting names the function that knows. So
neither the purpose nor the context is ever believed because an address holds it.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from portal.signin.tokens import Person

PURPOSE = re.compile(r"[A-Za-z0-9_-]{1,64}")
IN_SESSION = "step_ups"
KEPT = 20  # purposes that one session holds proofs for; the oldest goes first


def asked_for(request: HttpRequest) -> tuple[str, str]:
    """The purpose that the address names, and the context it needs; both empty where a fresh sign-in is enough.

    Raises Http404 where the purpose is nothing of this person's.
    """
    purpose = request.GET.get("for", "")
    if not PURPOSE.fullmatch(purpose):
        return "", ""
    context = str(import_string(settings.STEP_UP_CONTEXT)(purpose, person=request.user))
    return (purpose, context) if context else ("", "")


def claims_challenge(context: str) -> str | None:
    """What Microsoft is asked for besides who somebody is."""
    if not context:
        return None
    return json.dumps({"id_token": {"acrs": {"essential": True, "value": context}}})


def keep_proof(request: HttpRequest, purpose: str, person: Person) -> None:
    """Note in the session what was proven, for this purpose alone and to be used once by whoever acts on it.

    A later one for the same purpose takes its place; those for other purposes, in other tabs, stay.
    """
    proof = {
        "id": secrets.token_hex(16),
        "for": purpose,
        "oid": person.oid,
        "contexts": list(person.contexts),
        "at": person.auth_time,
    }
    others = {name: kept for name, kept in proofs(request).items() if name != purpose}
    newest = dict(list(others.items())[-(KEPT - 1) :])
    request.session[IN_SESSION] = newest | {purpose: proof}


def proofs(request: HttpRequest) -> dict[str, Any]:
    """Those of this session, by what each is for."""
    kept = request.session.get(IN_SESSION)
    return kept if isinstance(kept, dict) else {}
