"""Which part of the pretend world answers an address; faults strike here, and every request is noted here."""

from __future__ import annotations

from typing import Any

from portal.sandbox import (
    control,
    entra,
    graph,
    identity,
    index,
    mailbox,
    pages,
    resources,
    starter_sign_in,
)
from portal.sandbox.clock import graph_time
from portal.sandbox.tenant import Tenant
from portal.sandbox.web import Request, Response, json_answer


def answer(tenant: Tenant, request: Request) -> Response:
    """One request from outside. `Dropped` means: close the connection, say nothing."""
    if request.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
        return json_answer({"error": "Another site's page may not act here."}, 403)
    if request.path.startswith("/_control/"):
        return control.answer(tenant, request)
    return _noted(tenant, request)


def _noted(tenant: Tenant, request: Request) -> Response:
    note: dict[str, Any] = {
        "time": graph_time(tenant.clock.now()),
        "method": request.method,
        "path": request.path,
        # Sign-in's query holds what binds it to a browser; that is nobody's to read.
        "query": request.query if request.path.startswith("/v1.0/") else {},
        "status": None,  # stays so when the connection was dropped
        "client_request_id": request.client_request_id,
        "request_id": request.id,
        "batched": request.batched,
    }
    tenant.requests.append(note)
    response = tenant.faults.answer(request, lambda asked: _work(tenant, asked))
    note["status"] = response.status
    return response


def _work(tenant: Tenant, request: Request) -> Response:
    if request.path.startswith("/v1.0/"):
        response = graph.answer(tenant, request, lambda inner: _noted(tenant, inner))
        if request.method != "GET" and not request.path.endswith("/$batch"):
            with tenant.lock:
                tenant.save()
        return response
    if request.path.startswith("/subscriptions"):
        with tenant.lock:
            return resources.answer(tenant, request)
    page = PAGES.get((request.method, request.path))
    if page:
        return page(tenant, request)
    return (
        mailbox.answer(tenant, request)
        or starter_sign_in.answer(tenant, request)
        or entra.answer(tenant, request)
        or pages.not_found()
    )


PAGES = {
    ("GET", "/"): index.show,
    ("POST", "/appear"): index.appear,
    ("GET", "/sandbox.css"): lambda _tenant, _request: pages.stylesheet(),
    ("GET", "/favicon.svg"): lambda _tenant, _request: pages.icon(),
    ("GET", identity.IMDS_PATH): identity.answer_imds,
    ("GET", identity.APP_SERVICE_PATH): identity.answer_app_service,
}
