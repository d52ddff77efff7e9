"""App roles of the registration, as the token names them at each sign-in. Managers need none."""

from __future__ import annotations

from typing import Any

from portal.models import ADMIN, AUDITOR, HR


def roles_in(claims: dict[str, Any]) -> tuple[str, ...]:
    named = claims.get("roles")
    return tuple(role for role in (HR, ADMIN, AUDITOR) if isinstance(named, list) and role in named)
