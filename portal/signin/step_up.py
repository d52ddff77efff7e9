"""A step-up: a new sign-in for one purpose that must meet an authentication context, and its proof.

The function in STEP_UP_CONTEXT knows the purposes and what each needs. So neither the purpose nor the context is
trusted because it is in an address.
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
SESSION_KEY = "step_ups"
MAX_PROOFS = 20  # proofs in one session; the oldest is dropped first


def asked_for(request: HttpRequest) -> tuple[str, str]:
    """The purpose in the address and the context it needs; both empty where a fresh sign-in is enough.

    Raises Http404 where the purpose is nothing of this person's.
    """
    purpose = request.GET.get("for", "")
    if not PURPOSE.fullmatch(purpose):
        return "", ""
    context = str(import_string(settings.STEP_UP_CONTEXT)(purpose, person=request.user))
    return (purpose, context) if context else ("", "")


def claims_challenge(context: str) -> str | None:
    """The claims request for an authentication context; None without one."""
    if not context:
        return None
    return json.dumps({"id_token": {"acrs": {"essential": True, "value": context}}})


def keep_proof(request: HttpRequest, purpose: str, person: Person) -> None:
    """Keep the proof in the session, for this purpose only. The action uses it once.

    A later one for the same purpose takes its place; those for other purposes, in other tabs, stay.
    """
    proof = {
        "id": secrets.token_hex(16),
        "for": purpose,
        "oid": person.oid,
        "contexts": list(person.contexts),
        "at": person.auth_time,
    }
    others = {name: kept for name, kept in step_up_proofs(request).items() if name != purpose}
    newest = dict(list(others.items())[-(MAX_PROOFS - 1) :])
    request.session[SESSION_KEY] = newest | {purpose: proof}


def step_up_proofs(request: HttpRequest) -> dict[str, Any]:
    """The proofs of this session, by purpose."""
    kept = request.session.get(SESSION_KEY)
    return kept if isinstance(kept, dict) else {}
