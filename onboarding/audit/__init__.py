"""The audit log: append-only and hash-chained. Write inside `transaction()`, with `record` (one event)."""

from onboarding.audit.trail import (
    GENESIS,
    ChainFault,
    Person,
    TicketEvent,
    add_follower,
    erase_details,
    erase_details_of_event,
    hash_event,
    make_commitment,
    record,
    transaction,
    verify_chain,
    verify_last_events,
)

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
