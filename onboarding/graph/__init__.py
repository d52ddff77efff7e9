"""Everything that knows Microsoft Graph exists. The rest of the portal speaks of accounts and passes."""

from onboarding.graph.client import Graph, client, forget_client
from onboarding.graph.entities import (
    Account,
    CreatedPass,
    Facts,
    LivePass,
    MailOwner,
    Manager,
    Method,
    PassPolicy,
    SignIns,
)
from onboarding.graph.errors import (
    GraphError,
    Incomplete,
    NotFound,
    OutcomeUnknown,
    Overloaded,
    ReadNotPermitted,
    Refused,
    Throttled,
    Unavailable,
)
from onboarding.graph.methods import (
    blocks_new_starter,
    can_sign_in_again,
    is_second_factor,
    registered_too_early,
)
from onboarding.graph.pass_code import PassCode

__all__ = [
    "Account",
    "CreatedPass",
    "Facts",
    "Graph",
    "GraphError",
    "Incomplete",
    "LivePass",
    "MailOwner",
    "Manager",
    "Method",
    "NotFound",
    "OutcomeUnknown",
    "Overloaded",
    "PassCode",
    "PassPolicy",
    "ReadNotPermitted",
    "Refused",
    "SignIns",
    "Throttled",
    "Unavailable",
    "blocks_new_starter",
    "can_sign_in_again",
    "client",
    "forget_client",
    "is_second_factor",
    "registered_too_early",
]
