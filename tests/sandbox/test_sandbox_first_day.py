"""The starter's side of the sandbox tenant: a pass works once, a passkey is registered, mail is read."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
import requests

from portal.sandbox.people import BY_KEY, CAST
from portal.sandbox.server import Sandbox
from tests.sandbox.sandbox_visitor import Visitor, text_of

SHARED = "starters@contoso.example"


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    with Sandbox() as sandbox, Visitor(sandbox) as someone:
        yield someone


def use_pass(visitor: Visitor, key: str, code: str) -> requests.Response:
    form = {"account": BY_KEY[key].user_principal_name, "pass": code}
    return visitor.browser.post(f"{visitor.url}/mysignins", data=form, timeout=30)


def register(visitor: Visitor) -> requests.Response:
    return visitor.browser.post(f"{visitor.url}/mysignins/register", data={"name": "Blue key"}, timeout=30)


def test_starter_signs_in_with_pass_and_registers_a_passkey(visitor: Visitor) -> None:
    code = visitor.make_pass("noor").json()["temporaryAccessPass"]

    welcome = use_pass(visitor, "noor", code)
    done = register(visitor)
    later = visitor.browser.post(
        f"{visitor.url}/mysignins/passkey", data={"account": BY_KEY["noor"].user_principal_name}, timeout=30
    )

    assert welcome.url.endswith("/mysignins/register")
    assert "Blue key" in done.text and "You are signed in" in later.text
    methods = visitor.graph("GET", f"/users/{BY_KEY['noor'].object_id}/authentication/methods").json()[
        "value"
    ]
    assert {"#microsoft.graph.fido2AuthenticationMethod"} < {method["@odata.type"] for method in methods}
    assert visitor.list_passes("noor")[0]["methodUsabilityReason"] == "OneTimeUsed"


def test_a_pass_works_once(visitor: Visitor) -> None:
    code = visitor.make_pass("noor").json()["temporaryAccessPass"]
    use_pass(visitor, "noor", code)

    again = use_pass(visitor, "noor", code)

    assert again.status_code == 403
    assert "AADSTS130505" in again.text


def test_a_wrong_pass_or_account_is_refused_without_saying_which(visitor: Visitor) -> None:
    code = visitor.make_pass("noor").json()["temporaryAccessPass"]

    answers = [use_pass(visitor, "noor", code.swapcase() + "x"), use_pass(visitor, "liam", code)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert all("AADSTS130507" in answer.text for answer in answers)
    assert visitor.list_passes("noor")[0]["isUsable"] is True


def test_pass_is_refused_outside_its_lifetime(visitor: Visitor) -> None:
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    code = visitor.make_pass("noor", startDateTime=start).json()["temporaryAccessPass"]

    early = use_pass(visitor, "noor", code)
    visitor.change(clock_ahead=3600 + 3601)

    assert "not valid yet" in early.text
    assert "AADSTS130504" in use_pass(visitor, "noor", code).text


def test_deleted_pass_is_refused_at_sign_in(visitor: Visitor) -> None:
    made = visitor.make_pass("noor").json()
    visitor.graph("DELETE", f"{visitor.passes_of('noor')}/{made['id']}")

    assert use_pass(visitor, "noor", made["temporaryAccessPass"]).status_code == 403


def test_registration_ends_ten_minutes_after_the_sign_in(visitor: Visitor) -> None:
    use_pass(visitor, "noor", visitor.make_pass("noor").json()["temporaryAccessPass"])

    visitor.change(clock_ahead=601)

    assert register(visitor).status_code == 403
    assert len(visitor.state()["people"]["noor"]["methods"]) == 1


def test_registration_ends_when_the_pass_is_deleted(visitor: Visitor) -> None:
    made = visitor.make_pass("noor").json()
    use_pass(visitor, "noor", made["temporaryAccessPass"])

    visitor.graph("DELETE", f"{visitor.passes_of('noor')}/{made['id']}")

    assert register(visitor).status_code == 403


def test_mail_as_mime_is_accepted_and_shown(visitor: Visitor) -> None:
    answer = send_mime(visitor, message())

    (mail,) = requests.get(f"{visitor.url}/_control/mail", timeout=30).json()
    page = requests.get(f"{visitor.url}/mail/{mail['number']}", timeout=30)
    assert answer.status_code == 202
    assert (mail["message_id"], mail["recipients"]) == ("<1@portal>", ["maria.lindqvist@contoso.example"])
    assert 'href="http://localhost:8000/s/1"' in page.text
    assert (
        "Noor starts"
        in requests.get(f"{visitor.url}/mail?to=maria.lindqvist@contoso.example", timeout=30).text
    )


def test_html_of_a_mail_cannot_run_scripts(visitor: Visitor) -> None:
    send_mime(visitor, message())

    page, part = (requests.get(f"{visitor.url}/mail/1{end}", timeout=30) for end in ("", "/html"))

    assert "<script>" not in page.text and "<script>" in part.text
    assert "default-src 'none'" in part.headers["Content-Security-Policy"]
    assert "script-src" not in part.headers["Content-Security-Policy"]
    assert "; sandbox allow-popups" in part.headers["Content-Security-Policy"]


def test_mail_as_json_is_accepted(visitor: Visitor) -> None:
    body = {
        "message": {
            "subject": "Hello",
            "body": {"contentType": "Text", "content": "Good morning"},
            "toRecipients": [{"emailAddress": {"address": "tom.becker@contoso.example"}}],
        },
        "saveToSentItems": False,
    }

    assert visitor.graph("POST", f"/users/{SHARED}/sendMail", json=body).status_code == 202
    assert requests.get(f"{visitor.url}/_control/mail", timeout=30).json()[0]["text"] == "Good morning"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not base64!", "ErrorMimeContentInvalidBase64String"),
        (base64.b64encode(b"\n\nno head"), "ErrorMimeContentInvalid"),
    ],
)
def test_malformed_mail_is_refused(visitor: Visitor, body: bytes, code: str) -> None:
    answer = visitor.graph(
        "POST", f"/users/{SHARED}/sendMail", data=body, headers={"Content-Type": "text/plain"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_other_mailboxes_need_the_tenant_wide_permission(visitor: Visitor) -> None:
    tom = "tom.becker@contoso.example"
    refused = send_mime(visitor, message(tom), tom)
    visitor.change(grant=["Mail.Send"])

    assert refused.status_code == 403
    assert send_mime(visitor, message(tom), tom).status_code == 202


def test_mailbox_can_send_only_as_itself(visitor: Visitor) -> None:
    answer = send_mime(visitor, message("tom.becker@contoso.example"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ErrorSendAsDenied")


def test_the_first_page_names_everyone_and_what_to_try(visitor: Visitor) -> None:
    page = requests.get(visitor.url, timeout=30)

    text = text_of(page).replace("&#x27;", "'")
    assert all(person.name in text and person.try_this in text for person in CAST)
    assert "Sandbox tenant." in text


def test_button_creates_an_expected_account(visitor: Visitor) -> None:
    requests.post(f"{visitor.url}/appear", data={"person": "late"}, timeout=30)

    assert visitor.graph("GET", "/users/lotte.vos@contoso.example").status_code == 200


@pytest.mark.parametrize("path", ["/", "/mail", "/mysignins", "/nothing-here"])
def test_every_page_has_a_strict_policy_and_a_sandbox_notice(visitor: Visitor, path: str) -> None:
    page = requests.get(visitor.url + path, timeout=30)

    assert "Sandbox tenant." in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert "<script" not in page.text and "style=" not in page.text and "<style" not in page.text


def test_other_sites_cannot_post_to_the_sandbox(visitor: Visitor) -> None:
    answer = requests.post(
        f"{visitor.url}/_control/reset", headers={"Sec-Fetch-Site": "cross-site"}, timeout=30
    )

    assert answer.status_code == 403


def test_foreign_host_name_is_refused(visitor: Visitor) -> None:
    assert requests.get(visitor.url, headers={"Host": "rebound.example"}, timeout=30).status_code == 421


def message(sender: str = SHARED) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = f"Starters <{sender}>", "Maria Lindqvist <maria.lindqvist@contoso.example>"
    mail["Subject"], mail["Message-ID"] = "Noor starts", "<1@portal>"
    mail.set_content("Open http://localhost:8000/s/1.")
    mail.add_alternative(
        "<p>Open <a href='http://localhost:8000/s/1'>it</a></p><script>1</script>", subtype="html"
    )
    return mail


def send_mime(visitor: Visitor, mail: EmailMessage, sender: str = SHARED) -> requests.Response:
    body = base64.b64encode(mail.as_bytes())
    return visitor.graph(
        "POST", f"/users/{sender}/sendMail", data=body, headers={"Content-Type": "text/plain"}
    )
