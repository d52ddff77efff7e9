"""Takes a large body at the addresses for uploads, once the session is known to be of a person who may upload.

`SmallBodiesMiddleware` and `ImpossibleInputMiddleware` come before the session. At these addresses they leave a POST
unread, and this middleware, which comes after the session, does their work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, QueryDict, UnreadablePostError
from django.utils.module_loading import import_string

from portal.impossible_input import is_upload, unreadable_body
from portal.views import static_page, unreadable_request

logger = logging.getLogger(__name__)
FORM = "application/x-www-form-urlencoded"


class UploadsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_upload(request):
            return self.get_response(request)
        if is_large(request):
            if not import_string(settings.MAY_UPLOAD)(request.user):
                return static_page("413.html", 413)
            if request.content_type == FORM:
                read_large_form(request)
        if unreadable_body(request):
            logger.info("A request with impossible characters or years was refused", extra={"part": "body"})
            return unreadable_request()
        return self.get_response(request)


def is_large(request: HttpRequest) -> bool:
    return int(request.META.get("CONTENT_LENGTH") or "0") > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def read_large_form(request: HttpRequest) -> None:
    """Read a pasted text here: Django has one limit for the fields of every form. `SmallBodiesMiddleware` has checked
    the length of the body against the limit for uploads."""
    body = request.read(settings.UPLOAD_MAX_BYTES)
    if len(body) != int(request.META["CONTENT_LENGTH"]):
        raise UnreadablePostError("The body ended early")
    request.POST = QueryDict(body, encoding=request.encoding or "utf-8")
