"""Names of starters that only the audit log still has, and their search words.

When retention erases a starter's row, HR's search forgets the name. The audit log keeps it longer, and auditors find it by
these words. They are erased with the details.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef

from onboarding.audit.trail import transaction
from onboarding.models import AuditDetail, AuditEvent, AuditWord, Starter, folded_words

NAMING_EVENTS = ("starter.recorded", "starter.account_replaced")  # their details name the starter
BATCH_SIZE = 500


def read_names(public_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the names and account names in the details of each starter's events, the newest last."""
    # By starter first, then by key: with both conditions in one query, SQLite reads every event that names a starter.
    rows = AuditEvent.objects.filter(starter__in=list(public_ids)).order_by()
    events = list(rows.values_list("seq", "starter", "event"))
    starters = {seq: starter for seq, starter, event in events if event in NAMING_EVENTS}
    names: dict[str, list[str]] = {}
    details = AuditDetail.objects.filter(pk__in=list(starters)).order_by("pk")
    for seq, values in details.values_list("pk", "values"):
        if isinstance(values, dict):  # only a change outside the portal writes something else
            found = [str(values[name]) for name in ("account_name", "name") if values.get(name)]
            names.setdefault(starters[seq], []).extend(found)
    return names


def index_erased_starters() -> None:
    """Add the words of each starter whose row is erased, but not the details that name them."""
    kept = AuditDetail.objects.filter(
        event__starter=OuterRef("public_id"), event__event__in=NAMING_EVENTS
    ).exclude(values={})
    has_words = Exists(AuditWord.objects.filter(starter=OuterRef("public_id")))
    erased = Starter.objects.filter(Exists(kept), ~has_words, erased_at__isnull=False)
    ids = list(erased.order_by("pk").values_list("public_id", flat=True))
    for start in range(0, len(ids), BATCH_SIZE):
        _index_starters(ids[start : start + BATCH_SIZE])


@transaction()
def _index_starters(ids: list[str]) -> None:
    """The lock of the audit log is held: no details can be erased between reading a name and writing its words."""
    words = [
        AuditWord(starter=public_id, word=word)
        for public_id, names in read_names(ids).items()
        for word in sorted(folded_words.search_words(names))
    ]
    AuditWord.objects.bulk_create(words, batch_size=BATCH_SIZE, ignore_conflicts=True)
