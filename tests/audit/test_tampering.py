"""Tampering with the database: what a trigger refuses, what `verify_audit` finds, and what only a saved head shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from onboarding.models import AuditHead
from tests.audit.site import Site
from tests.audit.tamperings import (
    ANOTHER_HEAD,
    ANY,
    DOCUMENT,
    TAMPERINGS,
    Outcome,
    Rotated,
    Tampering,
    Triggers,
    count_outcomes,
    write_document,
)

pytestmark = pytest.mark.django_db


def verify(head: str = "") -> str:
    """What `verify_audit` complains of; empty if it finds nothing."""
    said = StringIO()
    try:
        call_command("verify_audit", "--head", head, stderr=said, stdout=StringIO())
    except CommandError as error:
        return f"{said.getvalue()}{error}"
    return ""


HERE = [tampering for tampering in TAMPERINGS if tampering.database in {ANY, connection.vendor}]


@pytest.mark.parametrize("tampering", HERE, ids=lambda tampering: tampering.id)
def test_tampering_is_refused_or_found(
    site: Site, as_administrator: Callable[[], AbstractContextManager[None]], tampering: Tampering
) -> None:
    if tampering.outcome is Outcome.REFUSED:
        with pytest.raises(DatabaseError, match=tampering.says), transaction.atomic():
            tampering.run(site)
        assert verify(site.head) == ""
        return

    with as_administrator() if tampering.triggers is Triggers.DROPPED else nullcontext():
        tampering.run(site)

    if tampering.outcome is Outcome.FOUND:
        assert tampering.says in verify()
        return
    assert verify() == ""
    found = verify(site.head)
    assert (ANOTHER_HEAD in found) if tampering.outcome is Outcome.WITH_HEAD else found == ""


def test_an_untouched_database_is_whole(site: Site) -> None:
    assert verify(site.head) == ""


def test_a_database_after_a_rotation_is_whole(site: Site) -> None:
    before = Rotated.play().in_use

    assert AuditHead.objects.get().key != before
    assert verify(site.head) == ""


def test_at_least_fifty_kinds_have_names_of_their_own() -> None:
    assert len({tampering.id for tampering in TAMPERINGS}) == len(TAMPERINGS) > 150


def test_no_kind_is_found_by_nothing() -> None:
    assert count_outcomes()[Outcome.NOT_FOUND] == 0


def test_the_document_lists_each_kind() -> None:
    assert DOCUMENT.read_text() == write_document()
