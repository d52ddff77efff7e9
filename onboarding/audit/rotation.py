"""After a change of SECRET_KEY: encrypt the keys of the audit log again, and begin a new one."""

from __future__ import annotations

import logging

from django.db.models import Exists, OuterRef

from onboarding.audit import codes
from onboarding.audit.trail import change_key, transaction
from onboarding.models import AuditCode, AuditHead, AuditKey

log = logging.getLogger(__name__)


def renew_keys() -> list[str]:
    """Encrypt the keys of an earlier SECRET_KEY under today's, and let later events have a new key.

    Earlier codes stay verifiable. Somebody who learned an earlier key can sign no later event. A key without any code is
    left alone: the portal did not make it. Returns the names of the keys that neither SECRET_KEY nor its fallbacks open.
    """
    outdated, unreadable = _list_outdated()
    if outdated:
        _renew(outdated)
    for name in unreadable:
        log.error(
            "a key of the audit log cannot be decrypted: SECRET_KEY has changed, and SECRET_KEY_FALLBACKS lacks the "
            "earlier key",
            extra={"key": name},
        )
    return unreadable


@transaction()
def _renew(outdated: list[AuditKey]) -> None:
    for row in outdated:
        codes.seal_again(row)
    if AuditHead.objects.get(id=1).key in {row.name for row in outdated}:
        change_key()


def _list_outdated() -> tuple[list[AuditKey], list[str]]:
    """Return the keys with a code that only a fallback opens, and the names of those that nothing opens."""
    outdated, unreadable = [], []
    is_used = Exists(AuditCode.objects.filter(key=OuterRef("pk")))
    for row in AuditKey.objects.filter(is_used).order_by("pk"):
        try:
            if not codes.open_key(row)[1]:
                outdated.append(row)
        except codes.KeyUnreadable:
            unreadable.append(row.name)
    return outdated, unreadable
