"""Everything that knows Microsoft Graph exists. The rest of the portal speaks of accounts and passes."""

from onboarding.graph.client import Graph, client, forget_client
from onboarding.graph.errors import (
    Crowded,
    GraphError,
    Incomplete,
    NotFound,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unavailable,
)
from onboarding.graph.passcode import PassCode
from onboarding.graph.values import Account, CreatedPass, Facts, LivePass, Manager, Method, PassPolicy

__all__ = [
    "Account",
    "CreatedPass",
    "Crowded",
    "Facts",
    "Graph",
    "GraphError",
    "Incomplete",
    "LivePass",
    "Manager",
    "Method",
    "NotFound",
    "OutcomeUnknown",
    "PassCode",
    "PassPolicy",
    "Refused",
    "Throttled",
    "Unavailable",
    "client",
    "forget_client",
]
