"""The login at Azure Database for PostgreSQL: a token of the portal's identity in place of a password."""

from __future__ import annotations

import logging

import psycopg
from django.views.decorators.debug import sensitive_variables

log = logging.getLogger(__name__)


@sensitive_variables()
def database_token() -> str:
    """Return the token for a new connection. It comes from a cache while it is valid.

    Raises OperationalError if there is none; the log says why.
    """
    from portal.identity import (  # heavy, and most installations have a password
        TokenUnavailable,
        workload_identity,
    )

    try:
        return workload_identity().database_token()
    except TokenUnavailable as error:
        log.warning("no token for the database: %s", error)
        raise psycopg.OperationalError("Entra did not issue a token for the database") from None
