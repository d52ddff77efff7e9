"""The doctor's checks of the site's settings, and of the managed identity that is only a credential."""

from __future__ import annotations

from typing import Any

import jwt
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from portal.identity import ManagedIdentity, TokenUnavailable


def settings_make_sense(_visit: Any) -> tuple[str, str, str]:
    """Run the system checks; with a real tenant also those of `check --deploy`."""
    found = checks.run_checks(include_deployment_checks=not settings.SANDBOX)
    grave = [message for message in found if message.level >= checks.WARNING and not message.is_silenced()]
    if grave:
        said = "; ".join(f"{message.id}: {message.msg}" for message in grave)
        hints = " ".join(str(message.hint) for message in grave if message.hint)
        return "wrong", said, hints or gettext("Run `manage.py check --deploy` for details.")
    words = (
        gettext("Checks for the sandbox tenant found no problems. Checks for a real tenant were skipped.")
        if settings.SANDBOX
        else gettext("Checks for a real tenant found no problems.")
    )
    return "ok", words, ""


@sensitive_variables()
def credential_has_no_permissions(_visit: Any) -> tuple[str, str, str]:
    """With GRAPH_CLIENT_ID, read the `roles` claim of the managed identity's own token for Microsoft Graph.

    Conditional Access for workload identities does not apply to a permission that is left there, and the token lasts a day.
    """
    if not settings.GRAPH_CLIENT_ID:
        words = gettext("GRAPH_CLIENT_ID is not set: the identity in AZURE_CLIENT_ID calls Graph.")
        return "ok", words, ""
    try:
        token = ManagedIdentity().graph_token(fresh=True)
        roles = jwt.decode(token, options={"verify_signature": False}).get("roles") or []
    except (TokenUnavailable, jwt.PyJWTError):
        return "unknown", gettext("The portal could not read a token of the managed identity."), ""
    if not roles:
        return "ok", gettext("The managed identity has no permission in Microsoft Graph."), ""
    found = gettext(
        "The managed identity in AZURE_CLIENT_ID still has permissions in Graph: %(permissions)s."
    )
    advice = gettext(
        "Remove these permissions from the managed identity in Entra, because the app registration in "
        "GRAPH_CLIENT_ID calls Graph. Tokens of the managed identity show the change within a day."
    )
    return "wrong", found % {"permissions": ", ".join(sorted(str(role)[:100] for role in roles))}, advice


CHECKS = (
    ("settings.sense", _("Settings"), settings_make_sense, ()),
    (
        "identity.credential",
        _("Identities that can call Graph"),
        credential_has_no_permissions,
        ("identity.who",),
    ),
)
