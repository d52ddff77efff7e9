"""Sign-in, step-up, the check of a session, and sign-out. Every failure shows a page and begins no session."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import requests
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe
from msal.exceptions import MsalServiceError

from portal.models import SignIn
from portal.signin import flow_cookies, flows, silent, tokens
from portal.signin.app import end_session_url, msal_application
from portal.signin.checking import answers_unchecked
from portal.signin.failure_pages import failure_page_of
from portal.signin.session import begin_session, renew_check
from portal.signin.step_up import asked_for
from portal.signin.tokens import Person, TokenRefused
from portal.signin.used_flows import used_flows

logger = logging.getLogger(__name__)

# Errors of an unreachable Microsoft. MSAL raises ValueError for an unexpected answer of an authority.
UNREACHABLE = (OSError, requests.RequestException, MsalServiceError)

# Microsoft's words for: not with this device, place or way of signing in.
CONDITIONS_NOT_MET = {
    f"AADSTS{number}"
    for number in (
        50074,
        50076,
        50079,
        50097,
        50158,
        53000,
        53001,
        53002,
        53003,
        53004,
        500121,
        530002,
        530003,
    )
}


@login_not_required
@require_GET
def start_sign_in(request: HttpRequest) -> HttpResponse:
    """Let the person choose their account at Microsoft, so that each session begins by their own action.

    `?fresh=1` asks for the password or key too.
    """
    prompt: flows.Prompt = "login" if "fresh" in request.GET else "select_account"
    longest = int(settings.SESSION_ABSOLUTE_AGE.total_seconds())  # no proof is older than a session may be
    return redirect_to_microsoft(request, max_age=longest, prompt=prompt)


@answers_unchecked("GET")
@require_GET
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Step up: sign in again now as the same person. `?for=` is the purpose, where it needs a context."""
    made_for, context = asked_for(request)
    return redirect_to_microsoft(
        request,
        max_age=0,
        prompt="login",
        purpose=SignIn.Purpose.STEP_UP,
        same=request.user,
        made_for=made_for,
        context=context,
    )


@answers_unchecked("GET")
@require_GET
def check_sign_in(request: HttpRequest) -> HttpResponse:
    """Let Entra confirm the person of this session without asking them anything. See `checking.py`."""
    return redirect_to_microsoft(request, prompt="none", purpose=SignIn.Purpose.SILENT, same=request.user)


def redirect_to_microsoft(request: HttpRequest, **how: Any) -> HttpResponse:
    next_path = flows.safe_path(request.GET.get("next", ""))
    try:
        return flows.begin_sign_in(request, next_path=next_path, **how)
    except (*UNREACHABLE, ValueError) as error:
        logger.error("Sign-in could not begin: %s", type(error).__name__)
        if how.get("purpose") == SignIn.Purpose.SILENT:
            return silent.answer_unreachable(request, next_path)
        is_step_up, made_for = "same" in how, how.get("made_for", "")
        return failure_page(request, "unavailable", next_path, step_up=is_step_up, made_for=made_for)


@login_not_required
@require_GET
def sign_in_callback(request: HttpRequest) -> HttpResponse:
    """Handle the return from Microsoft. Deletes the sign-in cookie in every case."""
    answer = request.GET.dict()
    if any(len(values) > 1 for _, values in request.GET.lists()):
        return failure_page(request, "not_genuine")
    begun = flows.read_sign_in(request, answer.get("state", ""))
    if begun is None or not used_flows.use(begun.state_hash):
        return failure_page(request, "over")
    finish = finish_check if begun.purpose == SignIn.Purpose.SILENT else finish_proof
    response = finish(request, begun, answer)
    flow_cookies.forget_flow(response, begun.state_hash)
    return response


def finish_proof(request: HttpRequest, begun: SignIn, answer: dict[str, str]) -> HttpResponse:
    """The return from a sign-in or a step-up: redeem the code, verify the proof, only then a session."""
    try:
        person = verified_person(begun, answer)
    except TokenRefused as refusal:
        logger.warning("Sign-in refused: %s", refusal, extra={"reason": refusal.reason})
        is_step_up, made_for = bool(begun.expected_oid), begun.made_for
        return failure_page(request, refusal.reason, begun.next_path, step_up=is_step_up, made_for=made_for)
    if not flows.finish_sign_in(begun):
        return failure_page(request, "over")
    begin_session(request, person, made_for=begun.made_for)
    request.has_signed_in = begun.purpose == SignIn.Purpose.SIGN_IN  # type: ignore[attr-defined]  # for the limits
    log_sign_in(begun, person)
    return redirect(begun.next_path)


def finish_check(request: HttpRequest, begun: SignIn, answer: dict[str, str]) -> HttpResponse:
    """The return from a silent sign-in: the session goes on with the roles of the new token, or it ends.

    The page of an ended session has a link to sign in, and no redirect: a browser never bounces.
    """
    if not silent.is_of_this_session(request, begun):
        return failure_page(request, "over", begun.next_path)
    if answer.get("error") in silent.UNAVAILABLE:
        return silent.answer_unreachable(request, begun.next_path)
    try:
        person = token_person(begun, answer)
        silent.require_same_person(begun, person)
    except TokenRefused as refusal:
        if refusal.reason == "unavailable":
            return silent.answer_unreachable(request, begun.next_path)
        return failure_page(request, silent.end_refused_session(request, refusal), begun.next_path)
    if not flows.finish_sign_in(begun):
        return failure_page(request, "over", begun.next_path)
    renew_check(request, person)
    log_sign_in(begun, person)
    return redirect(begun.next_path)


def log_sign_in(begun: SignIn, person: Person) -> None:
    """One line for each sign-in that Entra confirmed: whose, what kind, and which authentication contexts it met.

    Which factors were used is in Entra's own log: its tokens do not say.
    """
    logger.info(
        "Signed in",
        extra={
            "tid": person.tid,
            "oid": person.oid,
            "purpose": begun.purpose,
            "contexts": list(person.contexts),
        },
    )


def token_person(begun: SignIn, answer: dict[str, str]) -> Person:
    """The person of the id token for this answer, or TokenRefused."""
    nonce = flows.hash_of(begun.flow["nonce"])  # what was sent is the hash of what was kept
    return tokens.verify_id_token(redeem_code(begun.flow, answer), nonce=nonce)


def verified_person(begun: SignIn, answer: dict[str, str]) -> Person:
    """The person who signed in, recently enough for the purpose, or TokenRefused."""
    person = token_person(begun, answer)
    if begun.expected_oid:
        if person.oid != begun.expected_oid:
            raise TokenRefused("other_person", "another person answered the request to sign in again")
        if person.auth_time < begun.created_at.timestamp() - tokens.LEEWAY:
            raise TokenRefused("stale", "the person was not asked to sign in again")
    elif person.auth_time < oldest_proof(begun).timestamp() - tokens.LEEWAY:
        raise TokenRefused("too_old", "the person signed in to Microsoft too long ago")
    if begun.context and begun.context not in person.contexts:
        raise TokenRefused("not_met", f"the token does not hold the context {begun.context}")
    return person


def oldest_proof(begun: SignIn) -> datetime:
    """A proof must not be older than a session can be. Microsoft was asked for this, but the portal checks it."""
    return begun.created_at - settings.SESSION_ABSOLUTE_AGE


def redeem_code(flow: dict[str, Any], answer: dict[str, str]) -> str:
    """The id token for a code."""
    try:
        result = msal_application().acquire_token_by_auth_code_flow(flow, answer)
    except UNREACHABLE as error:
        raise TokenRefused("unavailable", f"Microsoft was not reached: {type(error).__name__}") from None
    except Exception as error:  # MSAL raises many kinds, and its texts may contain the token
        raise TokenRefused("not_genuine", f"the answer was not understood: {type(error).__name__}") from None
    if "error" in result:
        raise refused_by_microsoft(result)
    if not isinstance(result.get("id_token"), str):
        raise TokenRefused("not_genuine", "the answer has no id token")
    return str(result["id_token"])


def refused_by_microsoft(result: dict[str, Any]) -> TokenRefused:
    code = re.search(r"AADSTS\d{1,9}", str(result.get("error_description")))
    detail = f"Microsoft answered {str(result['error'])[:60]} {code[0] if code else ''}".rstrip()
    if code and code[0] == "AADSTS50105":
        return TokenRefused("not_assigned", detail)
    if result["error"] == "interaction_required" or (code and code[0] in CONDITIONS_NOT_MET):
        return TokenRefused("not_met", detail)
    return TokenRefused("cancelled" if result["error"] == "access_denied" else "not_genuine", detail)


def failure_page(
    request: HttpRequest, reason: str, next_path: str = "/", *, step_up: bool = False, made_for: str = ""
) -> HttpResponse:
    """Show what happened, with a link to try again; after a step-up also a link back, still signed in."""
    end = failure_page_of(reason, step_up=step_up)
    query = {"next": next_path} | ({"fresh": "1"} if end.fresh else {})
    query |= {"for": made_for} if made_for else {}
    url = f"{reverse('signin:again' if step_up else 'signin:start')}?{urlencode(query)}"
    context = {"title": end.title, "text": end.text, "url": url, "reason": reason}
    context |= {"back_url": next_path} if step_up else {}
    return render(request, end.template, context, status=end.status)


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the portal's session and offer a link that ends Microsoft's. A link, because the CSP forbids a form."""
    login_hint, oid = request.session.get("login_hint", ""), silent.oid_of(request)
    logout(request)
    if oid:
        logger.info("Signed out", extra={"oid": oid})
    back_to = settings.PORTAL_URL + reverse("signin:signed_out")
    context = {"end_session_url": end_session_url(back_to=back_to, login_hint=login_hint)}
    response = render(request, "signin/signed_out.html", context)
    response["Clear-Site-Data"] = '"cookies", "storage", "cache"'
    return response


@login_not_required
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "signin/signed_out.html", {"end_session_url": None})
