"""The layout of every sandbox page, with the notice that it is not Microsoft's."""

from __future__ import annotations

from pathlib import Path

from portal.sandbox.web import Html, Response, join_html, tag

STYLESHEET = Path(__file__).with_name("sandbox.css")
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
MENU = (("/", "People"), ("/mail", "Mail"), ("/mysignins", "Starter's sign-in"))


def render_page(
    title: str, *content: str, status: int = 200, form_to: str = "", frames_of: str = ""
) -> Response:
    document = join_html(
        Html("<!doctype html>"),
        tag(
            "html",
            tag(
                "head",
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("meta", name="color-scheme", content="light dark"),
                tag("title", f"{title} · Sandbox tenant"),
                tag("link", rel="stylesheet", href="/sandbox.css"),
                tag("link", rel="icon", href="/favicon.svg", type="image/svg+xml"),
            ),
            tag("body", _render_banner(), tag("main", tag("h1", title), *content)),
            lang="en-GB",
        ),
    )
    headers = {**HEADERS, "Content-Security-Policy": security_policy(form_to, frames_of)}
    return Response(status, document.encode(), "text/html; charset=utf-8", headers)


def security_policy(form_to: str = "", frames_of: str = "") -> str:
    frames = f"'self' {frames_of}".strip()
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; frame-src {frames}; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action 'self' {form_to}"
    ).strip()


def _render_banner() -> Html:
    links = (tag("li", tag("a", name, href=address)) for address, name in MENU)
    return tag(
        "header",
        tag(
            "p",
            tag("strong", "Sandbox tenant."),
            " It runs on this computer, not at Microsoft. The people are invented, and no email leaves this "
            "computer.",
        ),
        tag("nav", tag("ul", *links), aria_label="Sandbox"),
    )


def serve_stylesheet() -> Response:
    return Response(200, STYLESHEET.read_bytes(), "text/css; charset=utf-8", dict(HEADERS))


def serve_icon() -> Response:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        '<rect width="16" height="16" rx="3" fill="#7a4b00"/>'
        '<path d="M4 11h8M5 8h6M6 5h4" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/></svg>'
    )
    return Response(200, drawing.encode(), "image/svg+xml", dict(HEADERS))


def not_found() -> Response:
    return render_page("Page not found", tag("p", "The sandbox has no page at this address."), status=404)
