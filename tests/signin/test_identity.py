"""The portal gets tokens without a secret, with the identity that the environment offers, and explains failures."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import jwt
import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter

from portal import identity
from portal.sandbox.transport import SandboxLoginAdapter

IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"
APP_SERVICE = "http://localhost:42356/msi/token"
TENANT = "11111111-2222-4333-8444-555555555555"
LOGIN = f"https://login.test/{TENANT}"
TOKEN = f"{LOGIN}/oauth2/v2.0/token"
CORRELATION = "77777777-0000-4000-8000-000000000001"
FROM_THE_PLATFORM = "a-token-that-only-the-platform-writes"


@pytest.fixture(autouse=True)
def real_tenant(settings, monkeypatch):
    """A server with only a client id. Each test adds the identity of its environment."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "MSI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    settings.SANDBOX = False
    settings.TENANT_ID = TENANT
    settings.AUTHORITY_HOST = "https://login.test"
    settings.GRAPH_RESOURCE = "https://graph.microsoft.com"
    settings.TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"
    settings.AZURE_CLIENT_ID = "5a4d0b0c-0000-4000-8000-0000000000a1"
    settings.AZURE_FEDERATED_TOKEN_FILE = ""
    settings.AZURE_CLIENT_CERTIFICATE_PATH = ""
    settings.SIGN_IN_CERTIFICATE_PATH = ""
    identity.forget_workload_identity()
    yield
    identity.forget_workload_identity()


@pytest.fixture
def entra():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(
            f"{LOGIN}/v2.0/.well-known/openid-configuration",
            json={
                "issuer": f"{LOGIN}/v2.0",
                "authorization_endpoint": f"{LOGIN}/oauth2/v2.0/authorize",
                "token_endpoint": TOKEN,
            },
        )
        yield mock


@pytest.fixture
def token_file(settings, tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{FROM_THE_PLATFORM}\n")
    settings.AZURE_FEDERATED_TOKEN_FILE = str(path)
    return path


@pytest.fixture(scope="module")
def key_and_certificate():
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "portal")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3650))
    ).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key, pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def certificate_file(settings, tmp_path, key_and_certificate):
    path = tmp_path / "portal.pem"
    path.write_text("".join(key_and_certificate[1:]))
    settings.AZURE_CLIENT_CERTIFICATE_PATH = settings.SIGN_IN_CERTIFICATE_PATH = str(path)
    return path


def token_answer(value="a-token", **changed):
    return {"access_token": value, "expires_in": "3600", "token_type": "Bearer", **changed}


def offer_tokens(mock, *tokens):
    for token in tokens:
        mock.post(TOKEN, json={"access_token": token, "expires_in": 3600, "token_type": "Bearer"})


def sent_form(mock):
    return {name: value for name, (value,) in parse_qs(mock.calls[-1].request.body).items()}


# --- a managed identity ---


def test_virtual_machine_asks_its_metadata_service_for_the_identity(entra):
    entra.get(IMDS, json=token_answer())

    assert identity.workload_identity().graph_token() == "a-token"

    request = entra.calls[0].request
    assert request.headers["Metadata"] == "true"
    assert request.params["resource"] == "https://graph.microsoft.com"
    assert request.params["client_id"] == "5a4d0b0c-0000-4000-8000-0000000000a1"


def test_an_app_service_asks_its_own_endpoint(entra, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", APP_SERVICE)
    monkeypatch.setenv("IDENTITY_HEADER", "a-header")
    entra.get(APP_SERVICE, json=token_answer(expires_on="4102444800"))

    assert identity.workload_identity().graph_token() == "a-token"
    assert entra.calls[0].request.headers["X-IDENTITY-HEADER"] == "a-header"


def test_without_a_client_id_the_system_assigned_identity_is_used(entra, settings):
    settings.AZURE_CLIENT_ID = ""
    entra.get(IMDS, json=token_answer())

    identity.workload_identity().graph_token()

    assert "client_id" not in entra.calls[0].request.params


def test_a_token_is_kept_until_it_runs_out(entra):
    entra.get(IMDS, json=token_answer())

    tokens = {identity.workload_identity().graph_token() for _ in range(3)}

    assert tokens == {"a-token"}
    assert len(entra.calls) == 1


@pytest.mark.parametrize(
    "ask_again",
    [
        lambda source: source.graph_token(fresh=True),
        lambda source: (source.clear_tokens(), source.graph_token())[1],
    ],
)
def test_a_token_that_graph_refused_is_not_used_again(entra, ask_again):
    entra.get(IMDS, json=token_answer("old"))
    entra.get(IMDS, json=token_answer("new"))
    source = identity.workload_identity()
    source.graph_token()

    assert ask_again(source) == "new"


def test_the_metadata_service_is_never_asked_through_a_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    seen = []

    def send(adapter, request, **options):
        seen.append(options["proxies"])
        raise requests.ConnectionError

    monkeypatch.setattr(HTTPAdapter, "send", send)

    with pytest.raises(identity.TokenUnavailable):
        identity.workload_identity().graph_token()

    assert not seen[0]


# --- workload identity federation ---


def test_a_federated_token_is_exchanged_for_graphs(entra, token_file):
    offer_tokens(entra, "a-token")

    assert identity.workload_identity().graph_token() == "a-token"

    form = sent_form(entra)
    assert form["client_assertion"] == FROM_THE_PLATFORM
    assert form["client_id"] == "5a4d0b0c-0000-4000-8000-0000000000a1"
    assert form["grant_type"] == "client_credentials"
    assert "https://graph.microsoft.com/.default" in form["scope"]
    assert "client_secret" not in form


def test_the_token_file_is_read_again_each_time(entra, token_file):
    offer_tokens(entra, "first", "second")
    source = identity.workload_identity()
    source.graph_token()

    token_file.write_text("renewed")
    source.graph_token(fresh=True)

    assert sent_form(entra)["client_assertion"] == "renewed"


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_text(" \n")])
def test_empty_or_missing_token_file_is_named_in_the_error(entra, token_file, spoil):
    spoil(token_file)

    with pytest.raises(identity.TokenUnavailable, match="AZURE_FEDERATED_TOKEN_FILE"):
        identity.workload_identity().graph_token()


# --- a certificate ---


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["key first", "certificate first"])
def test_a_certificate_signs_an_assertion_of_its_own(entra, certificate_file, key_and_certificate, order):
    certificate_file.write_text("".join(key_and_certificate[part] for part in order))
    offer_tokens(entra, "a-token")

    assert identity.workload_identity().graph_token() == "a-token"

    assertion = sent_form(entra)["client_assertion"]
    claims = jwt.decode(assertion, key_and_certificate[0].public_key(), algorithms=["PS256"], audience=TOKEN)
    assert claims["iss"] == claims["sub"] == "5a4d0b0c-0000-4000-8000-0000000000a1"


@pytest.mark.parametrize("kept", [1, 2])
def test_incomplete_certificate_file_is_named_in_the_error(
    entra, certificate_file, key_and_certificate, kept
):
    certificate_file.write_text(key_and_certificate[kept])

    with pytest.raises(identity.TokenUnavailable, match=certificate_file.name) as complaint:
        identity.workload_identity().graph_token()

    assert "BEGIN" not in str(complaint.value)


# --- which one ---


def test_the_environment_decides_the_kind(settings, token_file, certificate_file):
    kinds = []
    for unset in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", None):
        kinds.append(identity.workload_identity().kind)
        identity.forget_workload_identity()
        if unset:
            setattr(settings, unset, "")

    assert kinds == ["federated token file", "certificate", "managed identity"]


def test_there_is_one_identity_in_a_process():
    found = []
    threads = [threading.Thread(target=lambda: found.append(identity.workload_identity())) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 16
    assert len(set(map(id, found))) == 1


def test_choosing_an_identity_makes_no_request(entra, token_file):
    identity.workload_identity().sign_in_credential()

    assert len(entra.calls) == 0


# --- signing people in ---


def test_managed_identity_signs_in_with_an_exchange_token(entra):
    entra.get(IMDS, json=token_answer("vouching"))

    credential = identity.workload_identity().sign_in_credential()

    assert credential["client_assertion"]() == "vouching"
    assert entra.calls[0].request.params["resource"] == "api://AzureADTokenExchange"


def test_graph_token_is_never_the_sign_in_credential(entra):
    entra.get(IMDS, json=token_answer("for-graph"), match=[for_resource("https://graph.microsoft.com")])
    entra.get(IMDS, json=token_answer("vouching"), match=[for_resource("api://AzureADTokenExchange")])
    source = identity.workload_identity()

    assert source.graph_token() == "for-graph"
    assert source.sign_in_credential()["client_assertion"]() == "vouching"


def test_federated_token_is_the_sign_in_credential(token_file):
    credential = identity.workload_identity().sign_in_credential()

    assert credential["client_assertion"]() == FROM_THE_PLATFORM


def test_certificate_is_the_sign_in_credential(certificate_file, key_and_certificate):
    credential = identity.workload_identity().sign_in_credential()

    assert credential["private_key"] in key_and_certificate[1]
    assert credential["public_certificate"] in key_and_certificate[2]


def test_separate_sign_in_certificate_is_used_for_sign_in(entra, settings, certificate_file):
    settings.AZURE_CLIENT_CERTIFICATE_PATH = ""
    entra.get(IMDS, json=token_answer())
    source = identity.workload_identity()

    assert source.graph_token() == "a-token"
    assert "private_key" in source.sign_in_credential()


def test_without_a_token_there_is_no_sign_in_credential(entra):
    entra.get(IMDS, json={"error": "invalid_request", "error_description": "Identity not found"}, status=400)
    credential = identity.workload_identity().sign_in_credential()

    with pytest.raises(identity.TokenUnavailable, match="AZURE_CLIENT_ID"):
        credential["client_assertion"]()


# --- when there is no token ---


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"error": "invalid_request", "error_description": "Identity not found"}, "status": 400},
        {"json": {"statusCode": 400, "message": "x"}, "status": 400},
        {"body": "<html>gone</html>", "status": 410},
        {"body": "", "status": 502},
        {"body": "", "status": 429},
        {"json": []},
        {"json": None},
        {"json": {"access_token": 7, "expires_in": 7}},
        {"json": {"access_token": "x", "expires_in": "soon"}},
        {"json": {"access_token": ["x"], "expires_in": "3600"}},
        {"body": requests.ConnectTimeout("169.254.169.254")},
        {"body": requests.ConnectionError("169.254.169.254")},
        {"body": OSError("169.254.169.254")},
    ],
    ids=str,
)
def test_every_managed_identity_failure_raises_the_same_error(entra, answer):
    entra.get(IMDS, **answer)

    with pytest.raises(
        identity.TokenUnavailable, match=r"did not issue a token \(managed identity\)"
    ) as complaint:
        identity.workload_identity().graph_token()

    assert complaint.value.__context__ is None
    assert "169.254" not in str(complaint.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"json": {"error": "invalid_client", "error_description": "x"}, "status": 401},
        {"body": "<html>", "status": 502},
        {"body": "<html>", "status": 200},
        {"json": {}, "status": 200},
        {"body": requests.ReadTimeout("login.test")},
        {"status": 307, "headers": {"Location": "https://evil.test/"}},
    ],
    ids=str,
)
def test_every_registration_failure_raises_the_same_error(entra, token_file, answer):
    entra.post(TOKEN, **answer)

    with pytest.raises(
        identity.TokenUnavailable, match=r"did not issue a token \(federated token file\)"
    ) as complaint:
        identity.workload_identity().graph_token()

    assert complaint.value.__context__ is None
    assert all("evil.test" not in call.request.url for call in entra.calls)


def test_unreachable_authority_raises_the_same_error(token_file):
    with responses.RequestsMock(), pytest.raises(identity.TokenUnavailable):
        identity.workload_identity().graph_token()


def test_after_an_outage_the_next_request_is_sent(entra, token_file):
    entra.post(TOKEN, body=requests.ConnectionError("no"))
    offer_tokens(entra, "a-token")
    source = identity.workload_identity()

    with pytest.raises(identity.TokenUnavailable):
        source.graph_token()

    assert source.graph_token() == "a-token"


def test_token_errors_contain_codes_but_no_request_data(entra, token_file):
    said = f"AADSTS700213: No matching record for '{FROM_THE_PLATFORM}'.\r\nTrace: x"
    answer = {"error": "invalid_client", "error_description": said, "correlation_id": CORRELATION}
    entra.post(TOKEN, json=answer, status=401)

    with pytest.raises(identity.TokenUnavailable) as complaint:
        identity.workload_identity().graph_token()

    for part in ("invalid_client", "AADSTS700213", CORRELATION):
        assert part in str(complaint.value)
    assert FROM_THE_PLATFORM not in str(complaint.value)
    assert "\n" not in str(complaint.value)


# --- the session that Microsoft's sign-in addresses are asked with ---


def test_every_request_has_a_time_limit(monkeypatch, settings):
    settings.GRAPH_CONNECT_TIMEOUT, settings.GRAPH_READ_TIMEOUT = 3, 11
    limits = []

    def send(adapter, request, **options):
        limits.append(options["timeout"])
        raise requests.ConnectionError

    monkeypatch.setattr(HTTPAdapter, "send", send)
    for limit in ({}, {"timeout": 1}):
        with pytest.raises(requests.ConnectionError):
            identity.http_session().get("https://login.test/", **limit)

    assert limits == [(3, 11), 1]


def test_a_redirect_is_not_followed(entra):
    entra.get("https://login.test/", status=302, headers={"Location": "https://evil.test/"})

    with pytest.raises(requests.TooManyRedirects):
        identity.http_session().get("https://login.test/")


@pytest.mark.parametrize("sandbox", [True, False])
def test_sandbox_address_works_only_in_the_sandbox(settings, sandbox):
    settings.SANDBOX = sandbox

    adapter = identity.http_session().get_adapter("https://login.sandbox.invalid/x")

    assert isinstance(adapter, SandboxLoginAdapter) is sandbox


def for_resource(resource):
    return responses.matchers.query_param_matcher({"resource": resource}, strict_match=False)
