"""The reader's language: the one they chose, else their browser's. Addresses are the same in every language.

The choice is kept in a cookie, so that it needs no session and no sign-in.
To add a language, begin with `LANGUAGES` in `settings.py`: nothing changes here (`docs/how-to/add-a-language.md`).
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

from portal.signin.flows import referring_page, safe_path

ADDRESS = "/language/"  # plainly, since a page about something broken has it, too
Next = Callable[[HttpRequest], HttpResponseBase]


class LanguageMiddleware:
    """Runs early, so that early refusals are in the visitor's language too.

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
            response.headers.setdefault("Content-Language", language_tag(language))
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


@csrf_exempt
@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the language that a visitor chose, and go back to the page they were on.

    A token for the form would need a session, which a visitor has not. Another site cannot send it all the same: see
    `FetchMetadataMiddleware`; and nothing but the language comes of it.
    """
    asked = request.POST.get("next")
    response = redirect(referring_page(request) if asked is None else safe_path(asked))
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


def language_context(request: HttpRequest | None) -> dict[str, Any]:
    """Template variables for the page's language and the language menu."""
    now = translation.get_language() or settings.LANGUAGE_CODE
    return {
        "language": language_tag(now),
        "languages": [
            {"code": code, "tag": language_tag(code), "name": name, "is_chosen": code == now}
            for code, name in settings.LANGUAGES
        ],
        "language_url": ADDRESS,
        # The browser says which page it comes from. After a POST, use the page with the form.
        "language_back": referring_page(request) if request and request.method == "POST" else "",
    }


def language_tag(language: str) -> str:
    """As HTML and HTTP name a language: `en-GB`."""
    return translation.to_locale(language).replace("_", "-")
