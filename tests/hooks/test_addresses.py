"""The portal connects only to hosts that the policy lists, and only to the address that it checked."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from onboarding import policy
from onboarding.hooks import addresses, sending
from onboarding.hooks.addresses import AddressRefused
from onboarding.models import PolicyVersion
from onboarding.policy import destinations
from tests.hooks.conftest import Receiver, serve

pytestmark = pytest.mark.django_db
HOST = "hooks.contoso.example"

REFUSED = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.0.0.8", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808",
    "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::",
    "2002:a9fe:a9fe::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1", "not an address", "",
)  # fmt: skip
PUBLIC = (
    "8.8.8.8", "1.1.1.1", "52.112.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a01:111::1", "2001:4860::1",
)  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused(address):
    assert not addresses.is_permitted(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_permitted(address):
    assert addresses.is_permitted(address)


@pytest.mark.parametrize(
    ("address", "is_permitted"),
    [("10.20.1.1", True), ("10.21.0.1", False), ("fd12:3456::1", True), ("::ffff:10.20.1.1", False)],
)
def test_the_policy_can_allow_a_private_range(policy_says, address, is_permitted):
    policy_says(hook_private_ranges="10.20.0.0/16\nfd12:3456::/32")

    assert addresses.is_permitted(address, policy.allowed_ranges(policy.for_site())) is is_permitted


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.contoso.example/", "not_https"),
        ("ftp://hooks.contoso.example/", "not_https"),
        ("//hooks.contoso.example/", "not_https"),
        ("https://contoso.example/", "host_not_allowed"),
        ("https://evilcontoso.example/", "host_not_allowed"),
        ("https://hooks.contoso.example.evil.example/", "host_not_allowed"),
        ("https://hooks.contoso.example./", "host_not_allowed"),
        ("https://evil.example/?hooks.contoso.example", "host_not_allowed"),
        ("https://2130706433/", "host_not_allowed"),
        ("https://0x7f.1/", "host_not_allowed"),
        ("https://[::1]/", "host_not_allowed"),
        ("http://localhost.evil.example/", "not_https"),
        ("https://hooks.contoso.example@evil.example/", "invalid"),
        ("https://a:b@hooks.contoso.example/", "invalid"),
        ("https://evil.example\\@hooks.contoso.example/", "invalid"),
        ("https://hooks.contoso.example:99999/", "invalid"),
        ("https://hooks.contoso.example:0/", "invalid"),
        ("https://hooks.contoso.example/#part", "invalid"),
        ("https://hooks.contoso.example/ x", "invalid"),
        ("https://hooks.contoso.example/\r\nHost: x", "invalid"),
        ("https://[::1/", "invalid"),
        ("https:///path", "invalid"),
        ("https://höoks.contoso.example/", "invalid"),
        ("https://hooks.contoso.example/" + "x" * 2048, "too_long"),
    ],
)
def test_a_bad_callback_address_is_refused(hosts_allowed, url, code):
    with pytest.raises(AddressRefused) as refused:
        addresses.check_url(url, policy.for_site())

    assert refused.value.code == code


@pytest.mark.parametrize("url", ["https://a.contoso.example/", "https://a.b.CONTOSO.example:8443/x?y=z"])
def test_a_listed_host_is_taken(hosts_allowed, url):
    assert addresses.check_url(url, policy.for_site()).url == url


def test_plain_http_is_for_the_sandbox_only(hosts_allowed, settings):
    settings.SANDBOX = False

    with pytest.raises(AddressRefused, match="not_https"):
        addresses.check_url("http://127.0.0.1/", policy.for_site())


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["8.8.8.8", "::1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]],
)
def test_one_private_address_among_several_is_enough(hosts_allowed, monkeypatch, found):
    monkeypatch.setattr(addresses, "_resolve", lambda *_: found)

    outcome = sending.post(f"https://{HOST}/", b"{}", {}, policy.for_site())

    assert (outcome.status, outcome.error) == (None, "address_not_allowed")


def test_a_name_without_an_address_is_a_failure(hosts_allowed, monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror("no such name"))
    )

    assert sending.post(f"https://{HOST}/", b"{}", {}, policy.for_site()).error == "not_resolved"


# --- A receiver with TLS ------------------------------------------------------------------------------------------------


def certificate_for(host: str, folder: Path) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.pem", folder / f"{host}.key"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    paths[1].write_bytes(key.private_bytes(*encoding))
    return paths


@pytest.fixture
def tls_receiver(tmp_path, monkeypatch) -> Iterator[Callable[[str], Receiver]]:
    """Serve HTTPS on this machine with a certificate for this host, which the portal trusts."""
    servers = []

    def started(host: str) -> Receiver:
        certificate, key = certificate_for(host, tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        made = Receiver()
        servers.append(serve(made, lambda plain: context.wrap_socket(plain, server_side=True)))
        made.url = f"https://{HOST}:{servers[-1].server_port}/in?sig=1"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        return made

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


def resolver(monkeypatch: Any, *answers: str) -> list[str]:
    """A resolver that gives one answer after the other, the last one again. Returns who was asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def answer(host: str, port: int, *args: Any, **more: Any) -> Any:
        if host != HOST:
            return real(host, port, *args, **more)
        asked.append(host)
        address = answers[min(len(asked), len(answers)) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.fixture
def loopback_allowed(policy_says) -> None:
    policy_says(hook_hosts=HOST, hook_private_ranges="127.0.0.0/8\n::1/128")


def test_tls_verifies_the_name_and_not_the_address(loopback_allowed, tls_receiver, monkeypatch):
    receiver = tls_receiver(HOST)
    resolver(monkeypatch, "127.0.0.1")

    outcome = sending.post(receiver.url, b"{}", {}, policy.for_site())

    assert outcome.status == 204, outcome
    assert receiver.received[0].headers["host"] == receiver.url.split("/")[2]


def test_a_certificate_of_another_name_is_refused(loopback_allowed, tls_receiver, monkeypatch):
    receiver = tls_receiver("other.contoso.example")
    resolver(monkeypatch, "127.0.0.1")

    assert sending.post(receiver.url, b"{}", {}, policy.for_site()).error == "SSLError"
    assert not receiver.received


def test_a_certificate_that_nobody_trusts_is_refused(loopback_allowed, tls_receiver, monkeypatch):
    receiver = tls_receiver(HOST)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    resolver(monkeypatch, "127.0.0.1")

    assert sending.post(receiver.url, b"{}", {}, policy.for_site()).error == "SSLError"


def test_a_name_is_resolved_once(loopback_allowed, tls_receiver, monkeypatch):
    receiver = tls_receiver(HOST)
    asked = resolver(monkeypatch, "127.0.0.1", "10.66.66.66")

    assert sending.post(receiver.url, b"{}", {}, policy.for_site()).status == 204
    assert asked == [HOST]


def test_a_name_that_moves_to_this_machine_is_not_followed(policy_says, tls_receiver, monkeypatch):
    """DNS rebinding: the check sees a public address, and a second look-up would find this machine."""
    policy_says(hook_hosts=HOST)
    receiver = tls_receiver(HOST)
    asked = resolver(monkeypatch, "8.8.8.8", "127.0.0.1")
    reached: list[str] = []

    def connect(address: tuple[str, int], *_: Any, **__: Any) -> Any:
        reached.append(address[0])
        raise TimeoutError

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    outcome = sending.post(receiver.url, b"{}", {}, policy.for_site())

    assert (outcome.error, reached, asked) == ("ConnectTimeout", ["8.8.8.8"], [HOST])
    assert sending.post(receiver.url, b"{}", {}, policy.for_site()).error == "address_not_allowed"
    assert not receiver.received


def test_the_next_address_is_tried_if_one_does_not_answer(loopback_allowed, tls_receiver, monkeypatch):
    receiver = tls_receiver(HOST)
    monkeypatch.setattr(addresses, "_resolve", lambda *_: ["::1", "127.0.0.1"])

    assert sending.post(receiver.url, b"{}", {}, policy.for_site()).status == 204
    assert len(receiver.received) == 1


def test_a_proxy_resolves_and_the_host_list_still_protects(policy_says, receiver, monkeypatch):
    policy_says(hook_hosts=HOST)
    proxy = receiver.url.removesuffix(receiver.url.split("/", 3)[3])
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    asked = resolver(monkeypatch, "10.0.0.1")

    callback = addresses.check_url(f"https://{HOST}/", policy.for_site())
    outcome = sending.post(callback.url, b"{}", {}, policy.for_site())

    assert sending.is_proxied(callback)
    assert (outcome.error, asked) == ("ProxyError", [])  # this receiver knows no CONNECT
    assert sending.post("https://evil.example/", b"{}", {}, policy.for_site()).error == "host_not_allowed"


def test_loopback_means_loopback_only(policy_says, receiver, monkeypatch):
    policy_says(hook_hosts="localhost")
    monkeypatch.setattr(addresses, "_resolve", lambda *_: ["8.8.8.8"])

    outcome = sending.post(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {}, policy.for_site())

    assert outcome.error == "address_not_allowed"


# --- The policy's fields ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "line"),
    [("hook_hosts", line) for line in ("https://a.example", "*.example", "*", "a.*.example", "a b", "a/b", "ä.example", "::1")]
    + [("hook_private_ranges", line) for line in ("10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "a", "10.0.0.0-10.0.0.9")],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_an_error(field, line):

    faults = dict(destinations.find_faults(PolicyVersion(**{field: line})))

    assert set(faults) == {field}


@pytest.mark.parametrize("field", ["hook_hosts", "hook_private_ranges"])
def test_more_destinations_need_a_second_admin_and_fewer_do_not(person, field):

    lines = {"hook_hosts": "a.example\nb.example", "hook_private_ranges": "10.1.0.0/16\n10.2.0.0/16"}[field]

    def write(value: str) -> PolicyVersion:
        version = PolicyVersion(reason="A test", second_admin="always", **{field: value})
        policy.add_version(version, by=person("ada"))
        return version

    PolicyVersion.objects.create(reason="A test", second_admin="always", **{field: lines})

    assert not write(lines.split()[0]).needs_second
    assert write(lines).needs_second


def test_ranges_are_networks(policy_says):
    policy_says(hook_private_ranges="10.20.0.0/16")

    assert policy.allowed_ranges(policy.for_site()) == (ipaddress.ip_network("10.20.0.0/16"),)
