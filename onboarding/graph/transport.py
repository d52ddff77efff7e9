"""HTTP to Microsoft Graph: safe requests use a pool and are retried, all others are sent exactly once."""

from __future__ import annotations

import json
import re
import ssl
import time
import uuid
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import requests
import urllib3
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from onboarding import counters
from onboarding.graph.calls import NO_ANSWER, name_call, name_status
from onboarding.graph.concurrency import ConcurrencyLimiter
from onboarding.graph.connection_health import ConnectionHealth
from onboarding.graph.errors import OutcomeUnknown, Unavailable
from onboarding.graph.responses import Answer, Record, header_date

LARGEST_READ = 4 * 1024 * 1024
LARGEST_WRITE = 64 * 1024
DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER = 2.0, 3600.0
REQUEST_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class TokenSource(Protocol):
    """The source of the portal's tokens. It raises ConnectionError if there is no token now.

    The error may have `words`, a translated reason for a page.
    """

    def graph_token(self, *, fresh: bool = False) -> str: ...
    def clear_tokens(self) -> None: ...


class Bearer(AuthBase):
    """Send the token as `auth`: a .netrc file would silently replace a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class RetryPolicy(Retry):
    """Retry temporary failures, except an answer with Retry-After, which goes to the caller.

    The caller can make all processes back off. Sleeping here would block a web request, and a request before that time
    would prolong the throttling.
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return not has_retry_after and super().is_retry(method, status_code, has_retry_after)


def _build_retry_policy(*methods: str) -> RetryPolicy:
    return RetryPolicy(
        total=3,
        connect=3,
        read=0,
        status=3,
        other=0,
        redirect=0,
        backoff_factor=0.3,
        backoff_jitter=0.2,
        allowed_methods=frozenset(methods),
        status_forcelist={500, 502, 503, 504},
        raise_on_status=False,
    )


class Transport:
    """Send requests to one Graph with one identity. `limiter` bounds how many threads wait for Graph at once."""

    def __init__(
        self,
        origin: str,
        tokens: TokenSource,
        *,
        connect: float,
        read: float,
        limiter: ConcurrencyLimiter,
        connection_health: ConnectionHealth,
    ) -> None:
        self._base = f"{origin}/v1.0"
        self._local = origin.startswith("http:")
        self._tokens = tokens
        self._timeout = (connect, read)
        self._limiter, self._connection_health = limiter, connection_health
        self._session = _build_session(
            _build_adapter(_build_retry_policy("GET", "DELETE")), local=self._local
        )
        # A batch of reads is safe to retry, although it is a POST. No other POST is ever retried.
        self._session.mount(f"{self._base}/$batch", _build_adapter(_build_retry_policy("POST")))

    def ensure_token(self) -> None:
        with self._limiter.acquire_for_request():
            self.fetch_token()

    def get(self, path: str) -> Answer:
        return self._send_repeatable("GET", path)

    def delete(self, path: str) -> Answer:
        return self._send_repeatable("DELETE", path)

    def batch(self, paths: Mapping[str, str], *, may_lack: str = "") -> dict[str, Answer]:
        """Read several paths in one round trip. Each part can fail by itself. Only the part named `may_lack` may be missing.

        Raises Incomplete if another part is missing.
        """
        parts = [
            {"id": name, "method": "GET", "url": path, "headers": _consistency_header(path)}
            for name, path in paths.items()
        ]
        outer = self._send_repeatable("POST", "/$batch", content=json.dumps({"requests": parts}).encode())
        if outer.status != 200:
            raise outer.to_error()
        answered = [
            (part.text("id"), _parse_part(part, outer)) for part in outer.record().records("responses")
        ]
        names = sorted(name for name, _ in answered)
        if names != sorted(paths) and names != sorted(set(paths) - {may_lack}):
            raise outer.incomplete(_("a response of the batch"))
        for name, answer in answered:
            _count_call("GET", paths[name], answer.status)
        return dict(answered)

    @sensitive_variables()
    def write_once(self, path: str, content: bytes, *, kind: str, request_id: str) -> Answer:
        """Send one POST over a new connection, which is closed afterwards. Never send it twice.

        Raises Unavailable if it was certainly not sent, OutcomeUnknown if it may have arrived.
        """
        with self._limiter.acquire_for_request():
            return self._write_once(path, content, kind=kind, request_id=request_id)

    @sensitive_variables()
    def _write_once(self, path: str, content: bytes, *, kind: str, request_id: str) -> Answer:
        token = self.fetch_token()
        headers = {"Content-Type": kind, "client-request-id": request_id, "Connection": "close"}
        with _build_session(_build_adapter(Retry(0)), local=self._local) as session:
            try:
                answer = self._send(session, "POST", path, token, headers, content, limit=LARGEST_WRITE)
            except Exception as error:  # after any error, the request may have arrived
                self._record_failure("POST", path)
                # Keep only texts: a reference to the error would form a cycle with this frame and keep the body alive.
                sent, problem, name = (
                    not was_never_sent(error),
                    _describe_failure(error),
                    type(error).__name__,
                )
            else:
                if answer.status == 401:
                    self._tokens.clear_tokens()
                return answer
        if not sent:
            raise Unavailable(problem, client_request_id=request_id)
        message = f"Microsoft Graph did not say whether it was done ({name})."
        raise OutcomeUnknown(message, client_request_id=request_id)

    def _send_repeatable(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """Send a request that is safe to repeat. Graph does not carry out a 401, so try again with a fresh token."""
        with self._limiter.acquire_for_request():
            answer = self._send_once(method, path, self.fetch_token(), content)
            if answer.status == 401:
                answer = self._send_once(method, path, self.fetch_token(fresh=True), content)
            return answer

    def _send_once(self, method: str, path: str, token: str, content: bytes | None) -> Answer:
        headers = {"client-request-id": str(uuid.uuid4()), **_consistency_header(path)}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            return self._send(self._session, method, path, token, headers, content, limit=LARGEST_READ)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            self._record_failure(method, path)
            problem = _describe_failure(error)
        raise Unavailable(problem, client_request_id=headers["client-request-id"])

    @sensitive_variables()
    def _send(
        self,
        session: requests.Session,
        method: str,
        path: str,
        token: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        limit: int,
    ) -> Answer:
        with session.request(
            method,
            self._base + path,
            data=content,
            headers={"Accept": "application/json", **headers},
            auth=Bearer(token),
            timeout=self._timeout,
            allow_redirects=False,  # a redirect would send the token or the request elsewhere
            stream=True,
        ) as response:
            self._connection_health.record_answer(response.status_code, response.headers.get("Date"))
            content = _parse_json(_read_body(response, limit=limit, seconds=self._timeout[1]))
            _count_call(method, path, response.status_code)
            return Answer(
                status=response.status_code,
                content=content,
                retry_after=read_retry_after(response.headers.get("Retry-After")),
                request_id=_valid_request_id(response.headers.get("request-id")),
                client_request_id=headers["client-request-id"],
                date=header_date(response.headers.get("Date")),
                location=response.headers.get("Location", ""),
            )

    def _record_failure(self, method: str, path: str) -> None:
        self._connection_health.record_failure()
        counters.count("graph_calls", name_call(method, path), NO_ANSWER)

    @property
    def identity_kind(self) -> object:
        """Return the kind of identity that gets the tokens, as a text."""
        return getattr(self._tokens, "kind", _("identity"))

    def ask_without_token(self) -> tuple[int, Mapping[str, str]]:
        """Send one request without a token. Returns status and headers. Raises the errors of requests and urllib3."""
        with (
            _build_session(_build_adapter(Retry(0)), local=self._local) as session,
            session.get(
                f"{self._base}/", timeout=self._timeout, allow_redirects=False, stream=True
            ) as response,
        ):
            return response.status_code, response.headers

    @sensitive_variables()
    def fetch_token(self, *, fresh: bool = False) -> str:
        """Return a token for Graph, a new one with `fresh`. Raises Unavailable."""
        try:
            return self._tokens.graph_token(fresh=fresh)
        except ConnectionError as error:
            problem = getattr(error, "words", str(error))
        raise Unavailable(problem)


def _count_call(method: str, path: str, status: int) -> None:
    counters.count("graph_calls", name_call(method, path), name_status(status))


def was_never_sent(error: Exception) -> bool:
    """Return True only if there was no connection, so that no byte of the request can have arrived."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def read_retry_after(header: str | None) -> float:
    """Return the seconds of Retry-After, which is a number or a date: from 1 to an hour, 2 if it is not readable."""
    if header is None:
        return DEFAULT_RETRY_AFTER
    return min(max(_parse_seconds(header.strip()), 1.0), MAX_RETRY_AFTER)


def _parse_seconds(value: str) -> float:
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return DEFAULT_RETRY_AFTER


def _build_adapter(retries: Retry) -> HTTPAdapter:
    made: HTTPAdapter = import_string(settings.HTTP_ADAPTER)(pool_maxsize=32, max_retries=retries)
    return made


def _build_session(adapter: HTTPAdapter, *, local: bool) -> requests.Session:
    session = requests.Session()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.trust_env = not local  # plain http stays on this machine, without a proxy
    return session


def _consistency_header(path: str) -> dict[str, str]:
    """Return the header for advanced queries. Graph requires it there, but other queries get a staler index with it."""
    return {"ConsistencyLevel": "eventual"} if "$count=true" in path else {}


@sensitive_variables()
def _read_body(response: requests.Response, *, limit: int, seconds: float) -> bytes:
    """Read the body within so many `seconds`. Return nothing of a body above `limit` bytes. Raises ReadTimeout."""
    until = time.monotonic() + seconds
    body = bytearray()
    # read1 returns what has arrived; read would wait to fill its buffer, past the deadline.
    read: Callable[..., bytes] = response.raw.read1
    while chunk := read(65536, decode_content=True):
        body += chunk
        if len(body) > limit:
            return b""
        if time.monotonic() > until:
            raise requests.ReadTimeout("the answer took too long")
    return bytes(body)


@sensitive_variables()
def _parse_json(body: bytes) -> Any:
    # The exception holds the whole body, so catch it here: no other error may have it as its context.
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _parse_part(part: Record, outer: Answer) -> Answer:
    status = part.number("status")
    if status is None:
        raise outer.incomplete(_("the status of a response"))
    headers = part.record("headers")
    return Answer(
        status=status,
        content=part.raw("body"),
        retry_after=read_retry_after(headers.text("Retry-After") or headers.text("retry-after") or None),
        request_id=headers.label("request-id") or outer.request_id,
        client_request_id=outer.client_request_id,
        date=outer.date,
    )


def _valid_request_id(value: str | None) -> str:
    return value if value and REQUEST_ID.fullmatch(value) else ""


def _describe_failure(error: Exception) -> str:
    """Describe the failure by the type of the error: its text may contain network addresses."""
    return f"Microsoft Graph cannot be reached ({type(error).__name__})."
