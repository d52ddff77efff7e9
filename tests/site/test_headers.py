"""Every answer has the security headers, also errors and static files."""

from __future__ import annotations

import json
import logging

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.debug import get_exception_reporter_filter

from portal.logs.log_format import JsonFormatter
from portal.models import User

pytestmark = pytest.mark.django_db

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Robots-Tag": "noindex, nofollow",
    "X-DNS-Prefetch-Control": "off",
    "Reporting-Endpoints": 'csp="/csp-report"',
}
DIRECTIVES = {
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "object-src 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
    "report-to csp",
    "report-uri /csp-report",
}
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def broken(request):
    raise RuntimeError("kaputt k7+Rv&mQ")


def with_a_script(request):
    return HttpResponse(str(request.csp_nonce))


urlpatterns = [path("broken/", broken), path("nonce/", with_a_script)]
handler500 = "portal.views.server_error"


@pytest.fixture
def staff(client):
    ada = User.objects.create(
        tid=settings.TENANT_ID, oid="ada", name="Ada", user_principal_name="ada@x", roles=["Admin", "HR"]
    )
    client.force_login(ada)
    return client


def policy(response) -> set[str]:
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


def assert_guarded(response) -> None:
    assert {name: response.get(name) for name in ALWAYS} == ALWAYS
    assert {"camera=()", "clipboard-write=()"} <= set(response["Permissions-Policy"].split(", "))
    assert not DIRECTIVES - policy(response)
    script = next(part for part in policy(response) if part.startswith("script-src"))
    assert "unsafe" not in script and "'self'" not in script and "'strict-dynamic'" in script


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", "/", 302),
        ("get", "/starters/", 200),
        ("get", "/hr/", 200),
        ("get", "/hr", 301),
        ("get", "/nowhere/", 404),
        ("get", "/admin/nowhere/", 404),
        ("get", "/signout/", 405),
        ("post", "/signout/", 200),
        ("get", "/signin/callback/", 400),
        ("get", "/livez", 200),
        ("trace", "/nowhere/", 404),
        ("put", "/livez", 405),
    ],
)
def test_every_page_has_the_security_headers(staff, method, address, status):
    response = getattr(staff, method)(address)

    assert response.status_code == status
    assert_guarded(response)
    assert "no-store" in response["Cache-Control"]


def test_early_answers_have_the_security_headers(client):
    for response in (
        client.get("/"),  # to sign-in
        client.get("/", headers={"Host": "evil.example"}),
        client.get("/", headers={"Sec-Purpose": "prefetch;prerender"}),
        client.post("/", headers=FROM_ELSEWHERE),
        client.post("/hr/"),
        Client(enforce_csrf_checks=True).post("/hr/"),
    ):
        assert response.status_code in {204, 302, 400, 401, 403}
        assert_guarded(response)
        assert "no-store" in response["Cache-Control"]


@override_settings(ROOT_URLCONF=__name__)
def test_crash_page_has_the_headers_and_no_details(staff):
    staff.raise_request_exception = False

    response = staff.get("/broken/")

    assert response.status_code == 500
    assert_guarded(response)
    assert b"k7" not in response.content and b"Traceback" not in response.content


def test_static_files_have_the_security_headers(client):
    response = client.get("/static/css/tokens.css")
    response.close()

    assert response.status_code == 200 and finders.find("css/tokens.css")
    assert_guarded(response)
    assert "Access-Control-Allow-Origin" not in response


def test_https_answers_set_hsts(client, settings):
    settings.ALLOWED_HOSTS = ["starters.contoso.example"]
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 63072000

    plain = client.get("/", headers={"Host": "starters.contoso.example"})
    assert (plain.status_code, plain["Location"]) == (301, "https://starters.contoso.example/")
    assert_guarded(plain)

    secure = client.get("/livez", secure=True, headers={"Host": "starters.contoso.example"})
    assert secure["Strict-Transport-Security"].startswith("max-age=63072000")


@override_settings(ROOT_URLCONF=__name__)
def test_a_scripts_nonce_is_new_each_time(staff):
    answers = [staff.get("/nonce/") for _ in range(3)]

    nonces = {response.content.decode() for response in answers}
    assert len(nonces) == 3 and min(map(len, nonces)) >= 22
    for response in answers:
        assert f"'nonce-{response.content.decode()}'" in response["Content-Security-Policy"]


def test_admin_may_load_its_own_scripts_and_no_others(staff):
    directives = policy(staff.get("/admin/"))

    assert {"script-src 'self'", "img-src 'self' data:", "default-src 'none'"} <= directives
    assert "frame-ancestors 'none'" in directives
    assert not [part for part in directives if "trusted-types" in part or "unsafe" in part]


# --- Other sites ---------------------------------------------------------------------------------------


def test_a_link_from_a_mail_opens(staff):
    assert staff.get("/starters/", headers=FROM_ELSEWHERE).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("method", "mode", "dest"),
    [
        ("post", "navigate", "document"),
        ("get", "navigate", "iframe"),
        ("get", "navigate", "object"),
        ("get", "no-cors", "image"),
        ("get", "no-cors", "script"),
        ("get", "cors", "empty"),
        ("head", "cors", "empty"),
        ("options", "cors", "empty"),
    ],
)
def test_other_sites_cannot_read_or_act(staff, site, method, mode, dest):
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}

    known, unknown = (getattr(staff, method)(address, headers=headers) for address in ("/hr/", "/nowhere/"))

    assert known.status_code == unknown.status_code == 403
    assert known.content == unknown.content


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose"])
def test_prefetch_gets_an_empty_answer(staff, header):
    response = staff.get("/", headers={header: "prefetch"})

    assert response.status_code == 204 and not response.content


def test_other_host_names_are_refused(client):
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1:8000", "localhost:8000@evil.example"):
        response = client.get("/signin/", headers={"Host": host, "X-Forwarded-Host": "localhost"})

        assert response.status_code == 400
        assert b"evil" not in response.content


def test_method_override_is_ignored(staff):
    response = staff.post("/livez", {"_method": "GET"}, headers={"X-HTTP-Method-Override": "GET"})

    assert response.status_code == 405


# --- What browsers report, what logs say ---------------------------------------------------------------


@pytest.mark.usefixtures("no_collection_at_full_depth")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps({"csp-report": {"effective-directive": "script-src", "blocked-uri": "inline"}}), 204),
        (json.dumps([{"body": {"effectiveDirective": "script-src", "blockedURL": "inline"}}]), 204),
        ("[]", 204),
        ("{}", 204),
        ("7", 204),
        ("\0", 204),
        ("[" * 8000, 204),
        ("x" * 8193, 413),
    ],
)
def test_csp_report_is_logged_in_one_short_line(client, caplog, body, status):
    with caplog.at_level(logging.WARNING, "portal.views"):
        response = client.post("/csp-report", body, content_type="application/csp-report")

    assert response.status_code == status
    lines = [record for record in caplog.records if record.name == "portal.views"]
    assert len(lines) == (1 if status == 204 else 0)
    assert all(len(JsonFormatter().format(line)) < 600 for line in lines)


def test_a_log_line_cannot_be_forged():
    record = logging.makeLogRecord(
        {"msg": 'bad\r\n{"level": "INFO"}\x1b[31m\u2028', "levelname": "WARNING", "path": "/\n"}
    )

    line = JsonFormatter().format(record)

    assert line.isascii() and line.isprintable()
    assert json.loads(line)["message"] == record.msg
    assert json.loads(line)["url.path"] == "/\n"


@pytest.mark.parametrize("text", ["a", "\x1b", "é", "🎫"])
def test_a_pipe_takes_every_line_whole(text):
    record = logging.makeLogRecord({"msg": text * 9000, "path": text * 9000, "reason": text * 20})

    line = JsonFormatter().format(record)

    assert len(line) < 4096
    fields = json.loads(line)
    assert fields["event.reason"] == text * 20 and fields["message"].startswith(text * 20)


def test_logged_exception_includes_its_location():
    try:
        broken(None)
    except RuntimeError as error:
        record = logging.makeLogRecord({"msg": "x", "exc_info": (type(error), error, error.__traceback__)})

    assert "in broken" in json.loads(JsonFormatter().format(record))["error.stack_trace"]


def test_error_report_contains_no_variables_fields_or_settings(rf):
    request = rf.post("/", {"pass": "k7+Rv&mQ"}, headers={"Cookie": "sid=secret"})
    reports = get_exception_reporter_filter(request)
    try:
        secret = "k7+Rv&mQ"
        broken(secret)
    except RuntimeError as error:
        frames = [error.__traceback__.tb_frame, error.__traceback__.tb_next.tb_frame]

    assert [list(reports.get_traceback_frame_variables(request, frame)) for frame in frames] == [[], []]
    assert not reports.get_post_parameters(request) and not reports.get_safe_cookies(request)
    assert not reports.get_safe_settings() and not reports.get_safe_request_meta(request)


def test_large_body_is_refused_before_it_is_read(client):
    answer = client.post("/hr/new/", b"x" * 70_000, content_type="application/octet-stream")

    assert answer.status_code == 413
    assert answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_no_header_moves_the_site_to_another_path(client):
    answer = client.get("/", headers={"Script-Name": "/evil", "X-Script-Name": "/evil"}, SCRIPT_NAME="/evil")

    assert answer["Location"].startswith("/signin/")
