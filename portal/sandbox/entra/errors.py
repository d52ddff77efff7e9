"""Entra's errors: a page for a person, JSON for an application, each with its AADSTS number."""

from __future__ import annotations

import time
import uuid

from portal.sandbox.pages.frame import render_page
from portal.sandbox.web import Response, json_answer, tag


class TokenRefused(Exception):
    """An error of the token endpoint."""

    def __init__(self, error: str, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error, self.number, self.message, self.status = error, number, message, status

    def response(self) -> Response:
        payload = {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.message}",
            "error_codes": [self.number],
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        }
        return json_answer(payload, self.status)


def error_page(number: int, message: str, status: int = 400) -> Response:
    return render_page(
        "Sorry, we cannot sign you in",
        tag("p", f"AADSTS{number}: {message}", class_="refusal"),
        tag("p", tag("a", "People in this tenant", href="/")),
        status=status,
    )
