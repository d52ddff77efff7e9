"""In which language somebody reads: the one they chose, else the one their browser asks for. Addresses are the same in all.

The choice is a cookie of its own, so that it needs no session and nobody has to be signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from portal.signin.flows import page_it_came_from, safe_path

ADDRESS = "/language/"  # plainly, since a page about something broken has it, too
Next = Callable[[HttpRequest], HttpResponseBase]


class LanguageMiddleware:
    """Outside of nearly everything, so that what is refused early is said in the visitor's language, too.

    Unlike Django's own it leaves files alone, which are the same in every language and are kept for a year, and it
    leaves the thread as it was: what runs in it next, such as a job, speaks English.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = translation.get_language_from_request(request)
        with translation.override(language):
            response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Language", tag(language))
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


@csrf_exempt
@login_not_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep the language that a visitor chose, and go back to the page they were on.

    A token for the form would need a session, which a visitor has not. Another site cannot send it all the same: see
    `FetchMetadataMiddleware`; and nothing but the language comes of it.
    """
    asked = request.POST.get("next")
    response = redirect(page_it_came_from(request) if asked is None else safe_path(asked))
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    return response


def offered(request: HttpRequest | None) -> dict[str, Any]:
    """What every page needs to say which language it is in, and to offer the others."""
    now = translation.get_language() or settings.LANGUAGE_CODE
    return {
        "language": tag(now),
        "languages": [
            {"code": code, "tag": tag(code), "name": name, "is_chosen": code == now}
            for code, name in settings.LANGUAGES
        ],
        "language_url": ADDRESS,
        # The browser says which page it comes from. An answer to a form is no page: then that with the form.
        "language_back": page_it_came_from(request) if request and request.method == "POST" else "",
    }


def tag(language: str) -> str:
    """As HTML and HTTP name a language: `en-GB`."""
    return translation.to_locale(language).replace("_", "-")
