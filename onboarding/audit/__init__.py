"""The audit log: append-only and hash-chained. Write inside `transaction()`, with `record` (one event)."""

from onboarding.audit.erasure import erase_details, erase_details_of_event
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
from onboarding.audit.verification import ChainFault, verify_chain, verify_last_events

__all__ = [
    "GENESIS",
    "ChainFault",
    "Person",
    "TicketEvent",
    "add_follower",
    "erase_details",
    "erase_details_of_event",
    "hash_event",
    "make_commitment",
    "record",
    "transaction",
    "verify_chain",
    "verify_last_events",
]
