"""Short names for calls to Microsoft Graph, for the metrics: never a part of a path, which has ids."""

from __future__ import annotations

import re

# The first match counts.
CALLS: tuple[tuple[str, str, str], ...] = (
    ("POST", r"/\$batch$", "batch"),
    ("POST", r"/temporaryAccessPassMethods$", "create_pass"),
    ("DELETE", r"/temporaryAccessPassMethods/", "delete_pass"),
    ("GET", r"/temporaryAccessPassMethods$", "list_passes"),
    ("GET", r"/authentication/methods$", "read_methods"),
    ("GET", r"signInActivity", "read_sign_ins"),
    ("POST", r"/sendMail$", "send_mail"),
    ("GET", r"^/policies/", "read_policy"),
    ("GET", r"^/auditLogs/", "read_audit_log"),
    ("GET", r"^/users/[^/?]+/manager", "read_manager"),
    ("GET", r"/(?:transitiveMemberOf|ownedObjects)", "read_groups"),
    ("GET", r"^/(?:roleManagement|identityGovernance)/", "read_roles"),
    ("GET", r"^/users", "read_accounts"),
)
OTHER = "other"
CALL_NAMES = (*(name for _, _, name in CALLS), OTHER)
# The statuses that Graph documents for these calls. Others are counted by their first digit.
STATUSES = frozenset({200, 201, 202, 204, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504})
NO_ANSWER = "none"
STATUS_NAMES = (*sorted(map(str, STATUSES)), "1xx", "2xx", "3xx", "4xx", "5xx", "odd", NO_ANSWER)


def name_call(method: str, path: str) -> str:
    return next(
        (name for known, pattern, name in CALLS if known == method and re.search(pattern, path)), OTHER
    )


def name_status(status: int) -> str:
    """The status as a label: itself if it is usual, else its class."""
    if status in STATUSES:
        return str(status)
    return f"{status // 100}xx" if 100 <= status < 600 else "odd"
