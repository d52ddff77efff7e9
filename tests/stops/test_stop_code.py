"""The stop code of the start letter: shown once, stored as a hash, and able to stop and nothing else."""

from __future__ import annotations

import html
import logging
import re
from datetime import timedelta
from math import log2

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from onboarding.models import AuditEvent, Mail, PassIssue, Starter, StopCodeTries
from onboarding.stops import code_tries, codes
from onboarding.worker import retention
from tests.conftest import live_passes
from tests.faults.canary import everything_in_the_database
from tests.stops.letters import enter, letter_of, new_code

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def addresses(settings):
    settings.SECURITY_ADDRESS, settings.HR_ADDRESS = "security@contoso.example", "hr@contoso.example"
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000


def now_of(starter):
    return Starter.objects.get(pk=starter.pk)


def words_of(answer):
    return html.unescape(answer.content.decode())


def test_a_stranger_with_the_code_stops_everything(tenant, held, browser_of, run_jobs):
    starter = held("noor").starter
    code = new_code(browser_of("hanna"), starter)

    answer = enter(code)

    assert answer.status_code == 200 and "An emergency stop is in force" in words_of(answer)
    assert "Noor" not in words_of(answer)
    run_jobs()
    assert live_passes(tenant) == [] and now_of(starter).stopped_at is not None
    told = Mail.objects.get(kind="stopped", recipient="security").text
    assert "with the stop code" in told
    event = AuditEvent.objects.get(event="starter.stopped")
    assert event.facts["way"] == "code" and "by" not in event.commitments
    assert enter(code).status_code == 200  # again: the same answer, and nothing else
    assert AuditEvent.objects.filter(event="starter.stopped").count() == 1


def test_the_code_is_random_and_easy_to_type(invite, browser_of):
    starter = invite("noor")
    code = new_code(browser_of("hanna"), starter)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", code)
    assert codes.LENGTH * log2(len(codes.ALPHABET)) >= 60 and len(set(codes.ALPHABET)) == 32
    plain = code.replace("-", "")

    typed = [code.lower(), plain, f" {code} ", code.replace("-", " – "), code.replace("0", "o")]
    typed += [code.replace("1", "I"), code.replace("1", "l")]
    assert {codes.normalise_code(text) for text in typed} == {plain}
    assert [codes.normalise_code(text) for text in ("", plain[:-1], plain + "0", "U" * 12, "é" * 12)] == [
        ""
    ] * 5


def test_only_the_answer_to_hr_shows_the_code(invite, browser_of, caplog, run_jobs):
    caplog.set_level(logging.DEBUG)
    starter, hanna = invite("noor"), browser_of("hanna")
    answer = letter_of(hanna, starter)
    code = "".join(re.findall(r"<span>([0-9A-Z]{4})</span>", answer.content.decode()))
    assert answer["Cache-Control"] == "no-store" and len(code) == codes.LENGTH
    enter(code)
    run_jobs()

    written = everything_in_the_database() + caplog.text + words_of(hanna.get(f"/hr/{starter.public_id}/"))
    for text in (code, "-".join(code[start : start + 4] for start in (0, 4, 8))):
        assert text not in written and text.lower() not in written.lower()
    assert str(codes.StopCode("0" * 12)) == "[pass hidden]"
    assert now_of(starter).stop_code_hash in written


@pytest.mark.both_databases
def test_a_new_code_ends_the_old_one(invite, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    first, second = new_code(hanna, starter), new_code(hanna, starter)

    assert enter(first).status_code == 400 and now_of(starter).stopped_at is None
    assert enter(second).status_code == 200 and now_of(starter).stopped_at is not None


def test_wrong_replaced_and_old_codes_have_one_answer(held, browser_of):
    starter, hanna = held("noor").starter, browser_of("hanna")
    replaced, code = new_code(hanna, starter), new_code(hanna, starter)
    wrong = "0" * 12
    last = PassIssue.objects.get().valid_until
    Starter.objects.update(state="registered")
    with time_machine.travel(last + timedelta(days=7, minutes=-1)):
        assert codes.find_starter(codes.normalise_code(code)) is not None
    with time_machine.travel(last + timedelta(days=7, minutes=1)):
        answers = [enter(text) for text in (wrong, replaced, code)]

    bodies = {re.sub(r'value="[^"]*"|nonce="[^"]*"', "", words_of(answer)) for answer in answers}
    assert len(bodies) == 1 and {answer.status_code for answer in answers} == {400}
    assert "This code does not work" in bodies.pop()
    assert now_of(starter).stopped_at is None


def test_a_code_is_valid_while_a_pass_is_possible(invite, browser_of):
    starter = invite("noor")
    code = codes.normalise_code(new_code(browser_of("hanna"), starter))

    closes = starter.starts_at + timedelta(days=5)
    with time_machine.travel(closes + timedelta(days=6)):
        assert codes.find_starter(code) is not None
    with time_machine.travel(closes + timedelta(days=8)):
        assert codes.find_starter(code) is None


@pytest.mark.both_databases
def test_five_tries_per_address_and_hour(invite, browser_of, settings):
    settings.TRUSTED_PROXIES = 1
    code = new_code(browser_of("hanna"), invite("noor"))
    from_one, from_other = "203.0.113.7", "198.51.100.9"

    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert [enter("0" * 12, address=from_one).status_code for _ in range(5)] == [400] * 5
        clock.shift(timedelta(minutes=59))
        refused = enter(code, address=from_one)
        assert refused.status_code == 429 and refused["Retry-After"] == "60"
        assert "oo many attempts" in words_of(refused) and Starter.objects.get().stopped_at is None
        assert enter("nonsense", address=from_one).status_code == 400  # no code at all is no try
        assert enter("0" * 12, address=from_other).status_code == 400
        clock.shift(timedelta(minutes=1))
        assert enter(code, address=from_one).status_code == 200
    assert StopCodeTries.objects.count() == 2


@pytest.mark.both_databases
def test_strangers_cannot_fill_the_table(monkeypatch):
    monkeypatch.setattr(StopCodeTries, "GROUPS", 4)
    for number in range(40):
        code_tries.take_try(f"203.0.113.{number}")
        code_tries.take_try(f"2001:db8:0:{number:x}::1")

    assert StopCodeTries.objects.count() <= 4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
    ],
)
def test_addresses_of_one_network_share_their_tries(one, other, same):
    assert (code_tries._group_of(one) == code_tries._group_of(other)) == same


def test_a_visit_leaves_no_row_and_no_cookie(client: Client):
    answers = [client.get("/sheet/stop/"), client.post("/sheet/stop/", {"code": "too short"})]

    assert [answer.status_code for answer in answers] == [200, 400]
    assert 'value="too short"' in words_of(answers[1]) and "twelve letters" in words_of(answers[1])
    assert not client.cookies and not StopCodeTries.objects.exists()
    assert "/sheet/stop/" in words_of(client.get("/sheet/"))


def test_a_code_outlives_a_rotated_key(invite, browser_of, settings):
    earlier = settings.SECRET_KEY
    code = codes.normalise_code(new_code(browser_of("hanna"), invite("noor")))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "k" * 60, [earlier]
    assert codes.find_starter(code) is not None
    settings.SECRET_KEY_FALLBACKS = []
    assert codes.find_starter(code) is None


def test_a_finished_or_changed_starter_gets_no_code(invite, browser_of):
    starter, hanna = invite("noor"), browser_of("hanna")
    address = f"/hr/{starter.public_id}/stop-code/"
    assert hanna.post(address, {"version": starter.version + 1}).status_code == 302
    Starter.objects.update(state="registered")
    assert hanna.post(address, {"version": starter.version}).status_code == 302
    assert now_of(starter).stop_code_hash == ""
    assert "stop-code" not in words_of(hanna.get(f"/hr/{starter.public_id}/"))


def test_the_letter_has_the_address_as_a_picture(invite, browser_of, settings):
    page = letter_of(browser_of("hanna"), invite("noor")).content.decode()

    picture = re.search(r"<svg.*?</svg>", page, re.S)
    assert picture and "style" not in picture[0] and "<script" not in picture[0]
    assert f"{settings.PORTAL_URL}/sheet/" in page


def test_erasing_a_starter_erases_the_hash(invite, browser_of):
    starter = invite("noor")
    new_code(browser_of("hanna"), starter)
    retention.erase_starter(now_of(starter))

    assert now_of(starter).stop_code_hash == ""
