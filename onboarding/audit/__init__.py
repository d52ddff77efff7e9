"""The audit log: append-only and hash-chained. Write inside `transaction()`, with `record` (one event)."""

from onboarding.audit.chain import ChainFault, Kind
from onboarding.audit.comparison import RowFault, compare_rows
from onboarding.audit.erasure import erase_details, erase_details_of_event
from onboarding.audit.policy_rows import hash_redacted_settings, hash_settings
from onboarding.audit.trail import (
    GENESIS,
    Person,
    TicketEvent,
    add_follower,
    hash_event,
    make_commitment,
    record,
    transaction,
)
from onboarding.audit.verification import verify_chain, verify_last_events

__all__ = [
    "GENESIS",
    "ChainFault",
    "Kind",
    "Person",
    "RowFault",
    "TicketEvent",
    "add_follower",
    "compare_rows",
    "erase_details",
    "erase_details_of_event",
    "hash_event",
    "hash_redacted_settings",
    "hash_settings",
    "make_commitment",
    "record",
    "transaction",
    "verify_chain",
    "verify_last_events",
]
