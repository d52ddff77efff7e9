"""Crashes on demand: a file in the data folder names a step of the hand-over and a kind of error. It happens once."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse
from django.template.defaulttags import CsrfTokenNode, ForNode
from gunicorn.http import wsgi

from onboarding.graph import Graph, parsing, transport
from onboarding.graph.pass_code import PassCode
from onboarding.managers import spelling
from onboarding.managers.views import confirm, pass_page
from onboarding.passes import handover, recording

here = threading.local()
STEPS = {"ready": "check_ready", "claim": "claim_issue", "create": "create_pass", "record": "record_pass"}


# --- Kinds of errors ------------------------------------------------------------------------------------------


class Abandoned(BaseException):
    """An error that no `except Exception` catches. It ends the request; the process goes on."""


def raise_error(kind: type[BaseException], *arguments: Any) -> NoReturn:
    raise kind(*arguments)


def in_another(words: str) -> NoReturn:
    try:
        raise LookupError("the first of two errors")
    except LookupError:
        raise RuntimeError(words)  # noqa: B904


def because_of_another(words: str) -> NoReturn:
    try:
        in_another(words)
    except RuntimeError as cause:
        raise ValueError("an error with a cause") from cause


def raise_group(words: str) -> NoReturn:
    raise ExceptionGroup(words, [KeyError("one"), OSError("two")])


KINDS: dict[str, Callable[[str], NoReturn]] = {
    "plain": partial(raise_error, RuntimeError),
    "database": partial(raise_error, OperationalError),
    "system": partial(raise_error, OSError, errno.EPIPE),
    "unicode": partial(raise_error, UnicodeEncodeError, "utf-8", "\ud800", 0, 1),
    "memory": partial(raise_error, MemoryError),
    "recursion": partial(raise_error, RecursionError),
    "abandoned": partial(raise_error, Abandoned),
    "exit": partial(raise_error, SystemExit),
    "in_another": in_another,
    "because_of_another": because_of_another,
    "several": raise_group,
}


# --- Where they strike ----------------------------------------------------------------------------------------


def crash_at(step: str) -> None:
    """Fail at this step, if a test ordered it and no other process has failed yet."""
    order = settings.VAR_DIR / "crash"
    try:
        wanted, kind, words = order.read_text().split(maxsplit=2)
        if wanted != step:
            return
        order.rename(order.with_name("crashed"))
    except FileNotFoundError:
        return
    KINDS[kind](words)


def crash_around(
    owner: Any, name: str, only: Callable[..., bool] = lambda *_, **__: True, *, step: str = ""
) -> None:
    """Let a function crash before or after its work."""
    real, step = getattr(owner, name), step or name

    @wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not only(*args, **kwargs):
            return real(*args, **kwargs)
        crash_at(f"before:{step}")
        result = real(*args, **kwargs)
        crash_at(f"after:{step}")
        return result

    setattr(owner, name, wrapped)


@contextmanager
def doing_step(what: str) -> Iterator[None]:
    here.doing = what
    try:
        yield
    finally:
        here.doing = ""


def only_during(what: str) -> Callable[..., bool]:
    return lambda *_, **__: getattr(here, "doing", "") == what


def of_a_form(*_: object, **__: object) -> bool:
    return getattr(here, "method", "") == "POST"


def prepare() -> None:
    for name in ("create_pass", "record_pass"):
        setattr(handover, name, doing_step(name)(getattr(handover, name)))
    for step, name in STEPS.items():
        crash_around(handover, name, step=step)
    crash_around(Graph, "create_pass")
    crash_around(transport, "_read_body", only_during("create_pass"))
    crash_around(transport, "_parse_json", only_during("create_pass"))
    crash_around(parsing, "_problem_with")
    crash_around(parsing, "PassCode")
    crash_around(recording, "move_issue", only_during("record_pass"))
    crash_around(BaseDatabaseWrapper, "commit", only_during("record_pass"))
    crash_around(confirm, "show_pass")
    crash_around(spelling, "group_characters")
    crash_around(spelling, "spell_characters")
    crash_around(CsrfTokenNode, "render", of_a_form, step="token")
    crash_around(ForNode, "render", lambda node, _: node.loopvars == ["character"], step="loop")
    crash_around(pass_page, "render")
    crash_around(PassCode, "wipe")
    # These steps of the request before may still run when its response has arrived.
    crash_around(SessionMiddleware, "process_response", of_a_form)
    crash_around(HttpResponse, "close", of_a_form)
    crash_around(wsgi.Response, "write", of_a_form)


class Outermost:
    """Crashes after the response has passed every other middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        here.method = request.method
        response = self.get_response(request)
        crash_at(f"after:{type(self).__name__}")
        return response


class Innermost(Outermost):
    """Crashes as soon as the view has returned. It also adds the process id to the response."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = super().__call__(request)
        response["Process"] = str(os.getpid())
        return response
