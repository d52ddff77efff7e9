"""Payloads in every text that a page or a mail can show: none runs, loads, adds an element or is calculated.

A text is longer than the forms allow, because only so one page can hold all payloads: SQLite checks no length. `make test`
puts a tenth of them into each text, so that all texts of a page together have each of them. `make test-all` puts all of them
into each text, sends each field of each form alone, and proves for each payload that a page without escaping is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import models, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding import audit, policy
from onboarding.admin import mail_previews
from onboarding.inputs.characters import clean_name
from onboarding.mail.rendering import render_mail, starter_context
from onboarding.models import (
    Approval,
    AuditEvent,
    DirectoryFinding,
    Heartbeat,
    Hook,
    HookDelivery,
    Job,
    Mail,
    PassIssue,
    PolicyVersion,
    Starter,
    Ticket,
)
from onboarding.starters import withdrawal
from portal.models import User
from tests.conftest import BY_KEY
from tests.inputs.pages import Rendered, chromium
from tests.inputs.payloads import PRODUCT, Payload, Texts, payloads
from tests.site.who_may_what import (
    ADMIN,
    ANYONE,
    AUDITOR,
    HR,
    HR_OR_ADMIN,
    MANAGER,
    RULES,
    SIGNED_IN,
    STAFF,
    Rule,
    routes,
)
from tests.support import plan
from tests.support.shown_form import ShownForm

pytestmark = [pytest.mark.django_db, pytest.mark.browser]

PARTS = 10
# What a person or another system writes, and what Entra and receivers answer. The database checks no length.
TEXTS: dict[type[models.Model], tuple[str, ...]] = {
    User: ("name", "user_principal_name"),
    Starter: (
        "account_name", "display_name", "job_title", "department", "employee_id", "manager_name", "manager_mail",
        "stand_in_name", "stand_in_mail", "note",
    ),
    Ticket: ("account", "note", "requested_by", "requested_by_name"),
    Mail: ("to", "reason", "subject", "text", "html", "answer"),
    PassIssue: ("method_id", "graph_request_id"),
    Hook: ("host",),
    HookDelivery: ("error", "body"),
    Job: ("last_error",),
    Heartbeat: ("worker",),
    Approval: ("reason",),
}  # fmt: skip
VIEWERS = {
    ANYONE: "maria", SIGNED_IN: "maria", MANAGER: "maria", HR: "hanna", ADMIN: "ada", STAFF: "ada", HR_OR_ADMIN: "hanna",
    AUDITOR: "audrey",
}  # fmt: skip


# What a ticket held as it was sent: the API repeats it as JSON, and no page shows it.
NEVER_SHOWN = {"Ticket.account", "Ticket.note", "Ticket.requested_by"}
HEADERS = {
    "Content-Type",
    "MIME-Version",
    "Content-Transfer-Encoding",
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
}
HTML = {"Content-Type": "text/html; charset=utf-8"}
NINE = datetime(2030, 9, 2, 9, tzinfo=UTC)
SAMPLE = {
    "public_id": "0" * 22,
    "start_date": NINE.date(),
    "start_time": NINE.time(),
    "starts_at": NINE,
    "time_zone": "UTC",
}


def mark(model: type[models.Model], name: str) -> str:
    """What begins the text of this field, so that a page that shows it is known."""
    return f"«{model.__name__}.{name}»"


@dataclass
class Rows:
    """A row at least of everything that a page shows."""

    starters: dict[str, Starter]
    issue: PassIssue
    ids: dict[str, Any]  # the row that an admin page shows, by its table


@pytest.fixture
def rows(invite, shown, record, person, settings) -> Rows:
    settings.GRAPH_BUDGET_CALLS = settings.GRAPH_SIGN_IN_CALLS = 1000
    issue = shown("liam").issue
    starters = {key: invite(key) for key in ("noor", "emma")} | {"liam": issue.starter, "ben": record("ben")}
    withdrawal.withdraw_starter(starter=starters["emma"], by=person("hanna"), reason="A reason")
    today = timezone.localdate()
    Ticket.objects.create(starter=starters["ben"], source="servicenow", number="RITM1", start_date=today)
    Starter.objects.filter(pk=starters["ben"].pk).update(recorded_by=None)
    Job.objects.update(failed_at=timezone.now())
    hook = Hook.objects.create(source="servicenow", application_id="a", host="x")
    sent = HookDelivery(hook=hook, starter=starters["noor"], message_id="m", give_up_at=timezone.now())
    sent.save()
    own = PolicyVersion(department="legal", overrides=["attempts"], attempts=1, reason="One must do")
    policy.add_version(own, by=person("ada"))
    models_shown = (User, Starter, PassIssue, AuditEvent, Mail, Heartbeat, Hook, HookDelivery, Job)
    ids = {model._meta.label_lower.replace(".", "/"): model.objects.first().pk for model in models_shown}
    finding = DirectoryFinding(key="entry", kind="by_another", event=1, starter=starters["noor"])
    finding.at = finding.found_at = timezone.now()
    finding.save()
    ids["onboarding/directoryfinding"] = finding.pk
    ids["onboarding/departmentpolicy"] = own.pk
    ids["onboarding/policyversion"] = PolicyVersion.objects.filter(department="").latest("number").pk
    ids["onboarding/starter"] = starters["noor"].pk
    return Rows(starters, issue, ids)


@contextmanager
def full_of(texts: Texts, rows: Rows, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put payloads into every text of the database, of the settings and of the samples of mails, and undo it."""
    with transaction.atomic(), monkeypatch.context() as patch:
        for model, names in TEXTS.items():
            model.objects.update(**{name: mark(model, name) + texts.next() for name in names})
        write_what_is_only_added(texts, rows)
        settings.ORGANISATION_NAME = texts.next()
        # The operator's own contact may be a link: its https addresses become links.
        settings.SUPPORT_CONTACT = texts.next().replace("https://", "")
        fill_samples_of_mails(texts, patch)
        yield
        transaction.set_rollback(True)


def write_what_is_only_added(texts: Texts, rows: Rows) -> None:
    """Events, approvals and versions of the policy. Nobody can change them, so they get the text as they are written."""
    ada, starter = User.objects.get(oid=BY_KEY["ada"].object_id), rows.starters["noor"]
    personal = {
        name: mark(AuditEvent, name) + texts.next() for name in ("reason", "account", "to", "operator")
    }
    with audit.transaction():
        for event in ("starter.withdrawn", "starter.approved", "mail.refused", "starter.routed"):
            audit.record(event, by=ada, starter=starter, personal=personal)
        audit.record("sessions.ended", by=ada, personal=personal | {"person_name": texts.next()})
    why = mark(Approval, "reason") + texts.next()
    Approval.objects.create(starter=starter, why="starter", occasion="x", by=ada, reason=why)
    names = (
        "scope_departments",
        "api_applications",
        "hook_hosts",
        "scope_domains",
        "deny_list",
        "hook_private_ranges",
    )
    values = {name: mark(PolicyVersion, name) + texts.next() for name in (*names, "reason")}
    for department in ("", "legal"):
        overrides = ["attempts"] if department else []
        version = PolicyVersion(
            **values, department=department, overrides=overrides, created_by=ada, needs_second=True
        )
        version.save()


def fill_samples_of_mails(texts: Texts, patch: pytest.MonkeyPatch) -> None:
    name, why = texts.next(), texts.next()
    patch.setattr(mail_previews.STARTER, "display_name", name)
    patch.setattr(mail_previews, "REASON", why)
    patch.setattr(mail_previews.DRAFT, "reason", why)
    for kind, notice in mail_previews.NOTICES.items():
        texts_of_kind = {field: name for field, value in notice.items() if isinstance(value, str)}
        patch.setitem(mail_previews.NOTICES, kind, notice | texts_of_kind)
    for kind, change in mail_previews.EXAMPLE_CHANGES.items():
        patch.setitem(mail_previews.EXAMPLE_CHANGES, kind, replace(change, by_name=name, reason=why))


# --- The pages ------------------------------------------------------------------------------------------------------


def addresses(rows: Rows) -> Iterator[tuple[str, str]]:
    """The person and the address of each page that a browser shows.

    `make test` opens most pages for one starter only, and leaves out Django's histories, which are empty.
    """
    for route in routes():
        rule = RULES[route.name]
        if not is_opened(route.name, rule):
            continue
        who = VIEWERS[rule.look]
        match route.parameters:
            case ():
                yield who, route.address({})
            case ("public_id",):
                every = not plan.EACH_ONCE or route.name in {"hr:starter", "managers:starter"}
                for starter in rows.starters.values() if every else [rows.starters["noor"]]:
                    yield who, route.address({"public_id": starter.public_id})
            case ("public_id", "issue_id"):
                yield (
                    who,
                    route.address({"public_id": rows.issue.starter.public_id, "issue_id": rows.issue.pk}),
                )
            case ("object_id",):
                table = "/".join("".join(str(part) for part in route.parts).split("/")[1:3])
                yield who, route.address({"object_id": rows.ids[table]})
            case ("app_label",):
                yield who, route.address({"app_label": "onboarding"})
            case ("day",):
                yield who, route.address({"day": f"{timezone.localdate():%Y-%m-%d}"})


def is_opened(name: str, rule: Rule) -> bool:
    is_page = not rule.api and rule.look in VIEWERS and not rule.shows.startswith("3")
    return is_page and not (plan.EACH_ONCE and name.endswith("_history"))


def rendered_pages(rows: Rows, texts: Texts, browser_of: Callable[[str], Client]) -> Iterator[Rendered]:
    browsers = {key: browser_of(key) for key in set(VIEWERS.values())}
    for who, address in addresses(rows):
        # What an auditor reads is recorded first, which only a POST does.
        ask = browsers[who].post if who == "audrey" else browsers[who].get
        answer = ask(address, follow=True)
        if "html" in answer["Content-Type"]:
            assert answer.status_code < 500, address
            yield Rendered.of(f"{who} {address}", answer)
    noor = rows.starters["noor"].public_id
    hr = [f"/hr/{noor}/{page}/" for page in ("edit", "withdraw", "account", "allow", "approve", "stand-in")]
    forms = [*(("hanna", path) for path in ("/hr/new/", "/hr/new/several/", *hr))]
    forms += [("ada", f"/admin/onboarding/{kind}/add/") for kind in ("policyversion", "departmentpolicy")]
    forms += [
        ("ada", f"/admin/portal/user/{rows.ids['portal/user']}/end-sessions/"),
        ("ada", "/admin/doctor/"),
    ]
    for who, path in forms:
        yield from answers_to(browsers[who], path, texts)
    yield from answers_to_searches(browsers, texts)


def answers_to(browser: Client, path: str, texts: Texts) -> Iterator[Rendered]:
    """What the portal answers to the forms of a page, with payloads in their fields: together, or one at a time."""
    for form in forms_of(browser.get(path).content.decode()):
        typed = [one.name for one in form.controls if one.kind in {"text", "textarea", "email"}]
        for names in [typed] if plan.EACH_ONCE else [[name] for name in typed]:
            body = form.sent() | {"step": ["look"]} | {name: [texts.next()] for name in names}
            answer = browser.post(path, body, follow=True)
            assert answer.status_code < 500, (path, names)
            yield Rendered.of(f"{names} sent to {path}", answer)


def forms_of(page: str) -> Iterator[ShownForm]:
    """The forms of a page in which somebody types, and that are sent with POST."""
    numbered = iter(range(100))
    without_ids = re.sub(r'(<form\b[^>]*?)\s+id="[^"]*"', r"\1", page)
    with_ids = re.sub(
        r'<form(?=[^>]*method="post")', lambda _: f'<form id="sent-{next(numbered)}"', without_ids
    )
    for form_id, inside in re.findall(r'<form id="(sent-\d+)"(.*?)</form>', with_ids, re.S):
        if re.search(r'<textarea|<input[^>]*type="(text|email)"', inside):
            yield ShownForm(with_ids, form_id)


def answers_to_searches(browsers: dict[str, Client], texts: Texts) -> Iterator[Rendered]:
    """What the portal answers to a search. It keeps at most some hundred characters of the words."""
    text = texts.next()
    searches = [("hanna", f"/hr/?q={quote(text[:100])}"), ("hanna", f"/hr/?department={quote(text[:200])}")]
    searches += [
        ("ada", f"/admin/onboarding/{table}/?q={quote(text)}") for table in ("starter", "auditevent")
    ]
    searches += [("ada", f"/admin/onboarding/policyversion/in-force/?department={quote(text[:100])}")]
    for who, address in searches:
        yield Rendered.of(f"{who} {address[:40]}", browsers[who].get(address))
    words = {"person": text[:100], "starter": text[100:200]}
    yield Rendered.of(
        "an auditor searches", browsers["audrey"].post(reverse("audit:events"), words, follow=True)
    )


# --- The tests ------------------------------------------------------------------------------------------------------


def test_no_payload_does_anything_on_any_page(rows, browser_of, settings, monkeypatch):
    texts = Texts(PARTS if plan.EACH_ONCE else 1)
    with full_of(texts, rows, settings, monkeypatch):
        pages = list(rendered_pages(rows, texts, browser_of))
    with chromium(PRODUCT) as browser:
        faults = {page.name: found for page in pages if (found := browser.complaints(page))}

    assert faults == {}
    assert len(payloads()) >= 500 and len(pages) > 80
    shown = {
        name for page in pages for name in re.findall(r"«([\w.]+)»", page.body.decode().replace("<wbr>", ""))
    }
    assert {
        f"{model.__name__}.{name}" for model, names in TEXTS.items() for name in names
    } - shown == NEVER_SHOWN


def test_no_payload_does_anything_in_a_mail(rows, settings, monkeypatch):
    with full_of(Texts(1), rows, settings, monkeypatch):
        previews = plan.part_of(list(mail_previews.list_previews()), 6)
        mails = [(preview.title, preview.content) for preview in previews]
    with chromium(PRODUCT) as browser:  # no policy protects a mail
        pages = [Rendered.of(title, HttpResponse(content["html"])) for title, content in mails]
        faults = {page.name: found for page in pages if (found := browser.complaints(page))}

    assert faults == {}
    assert len(mails) > 3
    for title, content in mails:
        message = EmailMultiAlternatives(
            content["subject"], content["text"], to=["maria@contoso.example"]
        ).message()
        assert set(message.keys()) <= HEADERS, title
        assert "data-hit" in content["html"], title


def test_a_name_adds_no_header_to_a_mail():
    name = clean_name("Noor\r\nBcc: thief@evil.invalid\r\n\r\n<b>Hello")
    context = starter_context(Starter(**SAMPLE, display_name=name), Mail.Reader.MANAGER, "")

    content = render_mail("invitation", context | {"may_go_on": True})

    message = EmailMultiAlternatives(
        content["subject"], content["text"], to=["maria@contoso.example"]
    ).message()
    assert set(message.keys()) <= HEADERS and message["Bcc"] is None
    assert "NoorBcc: thief" in content["subject"] and "<b>Hello" not in content["html"]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_page_that_does_not_escape_is_noticed(part):
    """The check of each page can fail: each payload is noticed where a page shows it as it is, without a policy."""
    live = [payload for payload in payloads() if payload.breaks][part::PARTS]
    with chromium(PRODUCT) as browser:
        unnoticed = [
            payload.kind
            for payload in live
            if not browser.complaints(Rendered(payload.kind, 200, HTML, raw(payload).encode()))
        ]

    assert unnoticed == []


def raw(payload: Payload) -> str:
    return f"<!doctype html><title>x</title>{payload.breaks.format(payload.text)}"
