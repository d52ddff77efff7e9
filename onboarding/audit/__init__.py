"""The audit log: append-only and hash-chained. Write inside `transaction()`, with `record` (one event)."""

from onboarding.audit.chain import ChainFault, Kind
from onboarding.audit.codes import has_genuine_code
from onboarding.audit.comparison import RowFault, compare_rows
from onboarding.audit.erasure import (
    erase_details,
    erase_details_of_event,
    find_policy_events,
    list_kinds_without_starter,
)
from onboarding.audit.names import index_erased_starters, read_names
from onboarding.audit.reading import (
    EXPORTED,
    PERSON_EXPORTED,
    PERSON_SEARCHED,
    READING_EVENTS,
    SEARCHED,
    STARTER_OPENED,
    record_reading,
    was_recorded,
)
from onboarding.audit.rotation import renew_keys
from onboarding.audit.rows.approval_rows import list_occasions
from onboarding.audit.rows.expectations import ERASURE_ASKED, ERASURE_DONE, PERSON_ERASED, is_actor
from onboarding.audit.rows.policy_rows import hash_redacted_settings, hash_settings
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
    "ERASURE_ASKED",
    "ERASURE_DONE",
    "EXPORTED",
    "GENESIS",
    "PERSON_ERASED",
    "PERSON_EXPORTED",
    "PERSON_SEARCHED",
    "READING_EVENTS",
    "SEARCHED",
    "STARTER_OPENED",
    "ChainFault",
    "Kind",
    "Person",
    "RowFault",
    "TicketEvent",
    "add_follower",
    "compare_rows",
    "erase_details",
    "erase_details_of_event",
    "find_policy_events",
    "has_genuine_code",
    "hash_event",
    "hash_redacted_settings",
    "hash_settings",
    "index_erased_starters",
    "is_actor",
    "list_kinds_without_starter",
    "list_occasions",
    "make_commitment",
    "read_names",
    "record",
    "record_reading",
    "renew_keys",
    "transaction",
    "verify_chain",
    "verify_last_events",
    "was_recorded",
]
