"""Routes each request to a part of the sandbox, applies faults and logs the request."""

from __future__ import annotations

from typing import Any

from portal.sandbox import control, entra, graph, identity, resources
from portal.sandbox.clock import graph_time
from portal.sandbox.pages import frame, index, mailbox, starter_sign_in
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, json_answer


def answer_request(tenant: Tenant, request: Request) -> Response:
    """One request from outside. ConnectionDropped means: close the connection without an answer."""
    if request.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
        return json_answer({"error": "Requests from other sites are not allowed."}, 403)
    if request.path.startswith("/_control/"):
        return control.answer_control(tenant, request)
    return _answer_and_record(tenant, request)


def _answer_and_record(tenant: Tenant, request: Request) -> Response:
    note: dict[str, Any] = {
        "time": graph_time(tenant.clock.now()),
        "method": request.method,
        "path": request.path,
        # The query of a sign-in contains secrets that bind it to a browser, so it is not logged.
        "query": request.query if request.path.startswith("/v1.0/") else {},
        "status": None,  # stays so when the connection was dropped
        "client_request_id": request.client_request_id,
        "request_id": request.id,
        "batched": request.batched,
    }
    tenant.requests.append(note)
    response = tenant.faults.answer_request(request, lambda asked: _dispatch(tenant, asked))
    note["status"] = response.status
    return response


def _dispatch(tenant: Tenant, request: Request) -> Response:
    if request.path.startswith("/v1.0/"):
        response = graph.answer_graph(tenant, request, lambda inner: _answer_and_record(tenant, inner))
        if request.method != "GET" and not request.path.endswith("/$batch"):
            with tenant.lock:
                tenant.save()
        return response
    if request.path.startswith("/subscriptions"):
        with tenant.lock:
            return resources.answer_azure(tenant, request)
    page = PAGES.get((request.method, request.path))
    if page:
        return page(tenant, request)
    return (
        mailbox.answer_mailbox(tenant, request)
        or starter_sign_in.answer_starter(tenant, request)
        or entra.answer_entra(tenant, request)
        or frame.not_found()
    )


PAGES = {
    ("GET", "/"): index.show_people,
    ("POST", "/appear"): index.create_expected_account,
    ("GET", "/sandbox.css"): lambda _tenant, _request: frame.serve_stylesheet(),
    ("GET", "/favicon.svg"): lambda _tenant, _request: frame.serve_icon(),
    ("GET", identity.IMDS_PATH): identity.answer_imds,
    ("GET", identity.APP_SERVICE_PATH): identity.answer_app_service,
}
