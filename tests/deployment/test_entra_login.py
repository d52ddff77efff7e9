"""The login at PostgreSQL by a token of Entra: a real server checks it, and a fake identity endpoint gives it."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg import sql

from onboarding.operations.unreachable import database_error_text
from portal import identity
from portal.environment import Environment
from portal.postgresql.base import DatabaseWrapper
from tests.support import with_postgresql

ROLE = "starter-portal"
RESOURCE = "https://ossrdbms-aad.database.windows.net"


@dataclass
class IdentityEndpoint:
    """What Container Apps offers to a workload. Without a token it refuses."""

    url: str = ""
    token: str = ""
    requests: list[dict[str, list[str]]] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]]:
        self.requests.append(parse_qs(urlsplit(request.path).query))
        if not self.token or request.headers["X-IDENTITY-HEADER"] != "a-header":
            return 400, {"error": "invalid_request", "error_description": "refused"}
        return 200, {"access_token": self.token, "expires_on": "4102444800", "token_type": "Bearer"}


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, str]]:
    """The folder of the server's socket, and the token that it takes from the role."""
    token = secrets.token_urlsafe(900)  # as long as Entra's
    with with_postgresql.server(durable=False) as running:
        rules = running.data / "pg_hba.conf"
        rules.write_text(f'local all "{ROLE}" password\n{rules.read_text()}')
        with psycopg.connect(running.url, autocommit=True) as admin:
            words = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            admin.execute(words.format(sql.Identifier(ROLE), sql.Literal(token)))
            admin.execute("SELECT pg_reload_conf()")
        yield running.socket_folder, token


@pytest.fixture
def endpoint(settings, monkeypatch) -> Iterator[IdentityEndpoint]:
    fake = IdentityEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = fake.answer(self)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{http.server_port}/msi/token"
    monkeypatch.setenv("IDENTITY_ENDPOINT", fake.url)
    monkeypatch.setenv("IDENTITY_HEADER", "a-header")
    monkeypatch.delenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", raising=False)
    settings.SANDBOX, settings.DATABASE_LOGIN = False, "entra"
    settings.AZURE_CLIENT_ID = "5a4d0b0c-0000-4000-8000-0000000000a1"
    settings.AZURE_FEDERATED_TOKEN_FILE = settings.AZURE_CLIENT_CERTIFICATE_PATH = ""
    identity.forget_workload_identity()
    yield fake
    identity.forget_workload_identity()
    http.shutdown()
    http.server_close()


@pytest.fixture
def database(server, endpoint, monkeypatch, django_db_blocker) -> Iterator[DatabaseWrapper]:
    """A connection as the settings describe it."""
    monkeypatch.setenv("DATABASE_URL", f"postgres://{ROLE}@/postgres?host={server[0]}")
    monkeypatch.setenv("DATABASE_LOGIN", "entra")
    environment = Environment()
    described = connection.settings_dict | environment.database("DATABASE_URL", Path("unused"))
    environment.database_login("DATABASE_LOGIN", described)
    wrapper = DatabaseWrapper(described)
    with django_db_blocker.unblock():  # it is not the tests' own database
        yield wrapper
        wrapper.close()


def role_of(database: DatabaseWrapper) -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def test_each_connection_logs_in_with_the_token_of_the_identity(database, endpoint, server):
    endpoint.token = server[1]

    roles = [role_of(database)]
    database.close()
    roles.append(role_of(database))

    assert roles == [ROLE, ROLE]
    (request,) = endpoint.requests  # the second connection uses the token in the cache
    assert request["resource"] == [RESOURCE]
    assert request["client_id"] == ["5a4d0b0c-0000-4000-8000-0000000000a1"]
    assert endpoint.token not in str(database.settings_dict)


@pytest.mark.parametrize(
    ("token", "cause"),
    [("another-token", "does not accept this user"), ("", "Entra did not issue a token")],
)
def test_a_login_without_the_right_token_is_explained(database, endpoint, token, cause):
    endpoint.token = token

    with pytest.raises(OperationalError) as refused:
        role_of(database)

    assert cause in database_error_text(refused.value)
    assert "another-token" not in str(refused.value)
