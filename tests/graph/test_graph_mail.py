"""Mail over Graph: the message arrives unchanged, and an error names its cause."""

from __future__ import annotations

from base64 import b64decode
from email import message_from_bytes, policy

import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives

from onboarding import graph as ours
from onboarding.graph.mail import GraphMailBackend
from tests.graph.graph_answers import V1, Tokens, answering, error, graph

mocked_graph = pytest.fixture(answering)
ADDRESS = f"{V1}/users/starters@contoso.example/sendMail"
MESSAGE_ID = "<starter-42@contoso.example>"


@pytest.fixture(autouse=True)
def mailbox(settings, monkeypatch):
    settings.MAIL_FROM = "starters@contoso.example"
    client = graph(Tokens())
    monkeypatch.setattr("onboarding.graph.mail.client", lambda: client)


def message(**changed):
    written = EmailMultiAlternatives(
        **{
            "subject": "Your starter Nöor arrives",
            "body": "Open the page.\nThank you.",
            "from_email": "starters@contoso.example",
            "to": ["maria@contoso.example"],
            "headers": {"Message-ID": MESSAGE_ID},
            **changed,
        }
    )
    written.attach_alternative("<p>Open the page.</p>", "text/html")
    return written


def test_the_message_is_handed_over_as_it_was_written(mocked_graph):
    mocked_graph.post(ADDRESS, status=202)

    assert GraphMailBackend().send_messages([message()]) == 1

    request = mocked_graph.calls[0].request
    mime = b64decode(request.body, validate=True)
    received = message_from_bytes(mime, policy=policy.default)
    assert request.headers["Content-Type"] == "text/plain"
    assert received["Message-ID"] == MESSAGE_ID
    assert received["Subject"] == "Your starter Nöor arrives"
    assert received["To"] == "maria@contoso.example"
    assert received.get_body(("plain",)).get_content().splitlines() == ["Open the page.", "Thank you."]
    assert "<p>Open" in received.get_body(("html",)).get_content()
    assert b"\n" not in mime.replace(b"\r\n", b"")


def test_a_repeated_message_keeps_its_id(mocked_graph):
    mocked_graph.post(ADDRESS, status=202)

    GraphMailBackend().send_messages([message(), message()])

    sent = [message_from_bytes(b64decode(call.request.body)) for call in mocked_graph.calls]
    assert [mail["Message-ID"] for mail in sent] == [MESSAGE_ID, MESSAGE_ID]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, ours.Refused),
        (404, ours.NotFound),
        (401, ours.Refused),
        (429, ours.Throttled),
        (503, ours.OutcomeUnknown),
        (200, ours.OutcomeUnknown),
        (302, ours.OutcomeUnknown),
    ],
)
def test_a_message_that_was_not_accepted_raises_what_happened(mocked_graph, status, kind):
    mocked_graph.post(ADDRESS, json=error("ErrorAccessDenied", "Access to OData is disabled."), status=status)

    with pytest.raises(kind) as complaint:
        GraphMailBackend().send_messages([message()])

    assert complaint.value.code == "ErrorAccessDenied"
    assert len(mocked_graph.calls) == 1


def test_fail_silently_returns_the_number_of_sent_mails(mocked_graph):
    mocked_graph.post(ADDRESS, status=403)
    mocked_graph.post(ADDRESS, status=202)

    assert GraphMailBackend(fail_silently=True).send_messages([message(), message()]) == 1


def test_a_message_without_recipients_is_not_sent(mocked_graph):
    assert GraphMailBackend().send_messages([EmailMessage("x", "y", to=[])]) == 0


def test_a_blind_copy_is_refused_and_not_lost(mocked_graph):
    with pytest.raises(ValueError, match="blind"):
        GraphMailBackend().send_messages([message(bcc=["audit@contoso.example"])])
