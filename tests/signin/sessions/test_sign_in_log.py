"""Each sign-in and sign-out is one line of the log, with its kind and its person, and without a name."""

from __future__ import annotations

import logging

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from portal.sandbox.people import BY_KEY
from tests.signin.signed_in_browser import SignedInBrowser
from tests.signin.test_front_channel import sid_at_microsoft, signs_out

pytestmark = pytest.mark.django_db
HANNA = BY_KEY["hanna"].object_id


@pytest.fixture
def hanna(tenant, caplog):
    caplog.set_level(logging.INFO, logger="portal.signin")
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield SignedInBrowser("hanna", clock, path="/hr/")


@pytest.fixture
def told(caplog):
    """The lines about signing in and out, also of the fixtures: text, object id and kind."""
    return lambda: [
        (record.message, getattr(record, "oid", ""), str(getattr(record, "purpose", "")))
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.name.startswith("portal.signin")
    ]


def test_each_sign_in_is_one_line_with_its_kind(hanna, told, caplog):
    hanna.wait(6)
    hanna.get("/hr/")
    hanna.get("/signin/again/?next=/hr/")

    assert told() == [("Signed in", HANNA, kind) for kind in ("sign in", "silent", "step up")]
    assert all(record.contexts == [] for record in caplog.records if record.message == "Signed in")
    assert "Hanna" not in caplog.text and "hanna" not in caplog.text


def test_a_refused_sign_in_is_one_line_with_its_reason(tenant, told, caplog):
    caplog.set_level(logging.INFO, logger="portal.signin")
    with time_machine.travel(timezone.now(), tick=True) as clock:
        SignedInBrowser("guest", clock, path="/starters/")

    (line,) = [record for record in caplog.records if record.name.startswith("portal.signin")]
    assert line.levelname == "WARNING" and line.message.startswith("Sign-in refused: ")
    assert line.reason == "guest"


def test_each_sign_out_is_one_line_with_its_person(hanna, told):
    hanna.post("/signout/", {})

    assert told()[-1] == ("Signed out", HANNA, "")


def test_a_sign_out_at_microsoft_names_its_person(hanna, told):
    signs_out(sid_at_microsoft(hanna))

    assert told()[-1] == ("Entra ended a session", HANNA, "")


def test_signing_out_without_a_session_is_no_line(tenant, told, caplog):
    caplog.set_level(logging.INFO, logger="portal.signin")

    Client().post("/signout/")

    assert told() == []
