"""A pass is never printed, copied or stored by accident."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import time_machine
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context, Engine
from django.utils.html import escape
from django.views.debug import ExceptionReporter

from onboarding.graph import CreatedPass, PassCode, parsing
from tests.graph.graph_answers import CODE, METHOD, NOOR, PASSES, answering, graph, made_pass

mocked_graph = pytest.fixture(answering)
SECRETS = (CODE, CODE[:6], escape(CODE[:6]), "token-1")
START = datetime(2026, 10, 5, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now_as_answered():
    """Stop the clock at the time in the answers of this file: a pass with another start time is not shown."""
    with time_machine.travel(datetime(2026, 10, 5, 6, 0, 1, tzinfo=UTC)):
        yield


@pytest.fixture
def code():
    return PassCode(CODE)


@pytest.fixture
def created(code):
    return CreatedPass(method_id=METHOD, code=code, starts_at=START, lifetime_minutes=60, request_id="r")


@pytest.mark.parametrize(
    "written",
    [
        repr,
        str,
        format,
        pprint.pformat,
        ascii,
        "{}".format,
        "{!r}".format,
        "{:>40}".format,
        lambda value: f"{value}{value!r}{value!s}{value!a}{value:20}",
        lambda value: "%s %r" % (value, value),  # noqa: UP031 (the oldest way must be safe too)
        lambda value: json.dumps({"code": value}, default=str),
        lambda value: Engine().from_string("{{ value }}{{ value|safe }}").render(Context({"value": value})),
        lambda value: str([value]) + str({"code": value}),
        lambda value: str(ValueError(value)),
    ],
)
def test_writing_a_pass_gives_a_placeholder(code, written):
    assert CODE not in written(code)
    assert "hidden" in written(code)


@pytest.mark.parametrize(
    "written", [repr, str, pprint.pformat, ascii, "{}".format, lambda value: str([value])]
)
def test_writing_what_holds_a_pass_gives_a_placeholder(created, written):
    assert CODE not in written(created)
    assert "hidden" in written(created)


@pytest.mark.parametrize(
    "stored",
    [
        json.dumps,
        lambda value: json.dumps({"code": value}, cls=DjangoJSONEncoder),
        pickle.dumps,
        lambda value: pickle.dumps(value, protocol=0),
        copy.copy,
        copy.deepcopy,
        hash,
        vars,
        bytes,
        list,
        iter,
        len,
        lambda value: value.__getstate__(),
        lambda value: value.__reduce__(),
        lambda value: value.__reduce_ex__(4),
        lambda value: {value},
    ],
)
def test_storing_or_copying_a_pass_fails_without_naming_it(code, stored):
    with pytest.raises(TypeError) as complaint:
        stored(code)

    assert CODE not in str(complaint.value)


@pytest.mark.parametrize(
    "taken_apart", [dataclasses.asdict, dataclasses.astuple, vars, copy.deepcopy, pickle.dumps]
)
def test_taking_apart_what_holds_a_pass_fails(created, taken_apart):
    with pytest.raises(TypeError) as complaint:
        taken_apart(created)

    assert CODE not in str(complaint.value)


def test_a_log_line_never_holds_a_pass(code, created, caplog):
    logging.getLogger("test").warning("made %s for %r", code, created, extra={"code": code})

    assert CODE not in caplog.text
    assert CODE not in str(caplog.records[0].__dict__)


def test_a_pass_is_revealed_only_by_name(code):
    assert code.reveal() == CODE


def test_a_wiped_pass_is_gone_for_good(code):
    code.wipe()
    code.wipe()

    with pytest.raises(ValueError, match="wiped"):
        code.reveal()


def test_two_passes_are_not_compared_by_what_they_hold(code):
    assert code != PassCode(CODE)
    assert code != CODE


def crash(*arguments, **named):
    raise RuntimeError("the disk is full")


@pytest.mark.parametrize(
    "where",
    [
        (parsing, "_context_of"),
        (parsing, "CreatedPass"),
        (parsing.Record, "label"),
        (PassCode, "__init__"),
        (PassCode, "reveal"),
    ],
    ids=lambda where: where[1],
)
def test_an_error_report_of_a_crash_never_shows_a_pass(mocked_graph, monkeypatch, settings, where):
    # Django's own filter: the test must pass without the site's stricter filter, too.
    settings.DEFAULT_EXCEPTION_REPORTER_FILTER = "django.views.debug.SafeExceptionReporterFilter"
    mocked_graph.post(PASSES, json=made_pass(), status=201)
    monkeypatch.setattr(*where, crash)

    try:
        graph().create_pass(NOOR, lifetime_minutes=60, request_id=uuid4()).code.reveal()
    except RuntimeError:
        reporter = ExceptionReporter(None, *sys.exc_info())
    report = reporter.get_traceback_html() + reporter.get_traceback_text()

    assert "the disk is full" in report
    assert not [secret for secret in SECRETS if secret in report]
