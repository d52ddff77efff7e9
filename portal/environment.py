"""Reading settings from the environment: each refusal names the variable and gives an example."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import certifi
import environ
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from onboarding.inputs.addresses import single_address
from onboarding.inputs.characters import find_hidden
from portal.branding import colour
from portal.branding.logo import InvalidLogo, Logo, read_logo
from portal.certificates import fault_of_certificate
from portal.service_urls import (
    HOST,
    fault_of_database_url,
    fault_of_entra_login,
    fault_of_mail_url,
    fault_of_options,
    fault_of_several_servers,
    is_reached_over_network,
)

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

ORIGIN = re.compile(rf"(?P<scheme>https?)://(?P<host>{HOST})(?::(?P<port>\d{{1,5}}))?")
LINK = re.compile(rf"https://{HOST}(?::\d{{1,5}})?(?:[/?#]\S*)?")

# A host, IPv6 in brackets, or the folder of a socket.
DATABASE_ADDRESS = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.]+\]|/[^\s:]*|[^/\s:]+)(?::(?P<port>\d{1,5}))?/(?P<name>[^/\s:]+)"
)

SEVERAL_SERVERS = "postgres://portal@db1.example,db2.example/portal?target_session_attrs=read-write"
# What libpq needs to accept only a server whose certificate and name it has verified.
VERIFIED_TLS = {"sslmode": "verify-full", "sslrootcert": certifi.where()}


def _verified_tls(options: dict[str, Any]) -> dict[str, Any]:
    """The options of DATABASE_URL, with verified TLS unless they, or libpq's own variables, say otherwise."""
    if "sslmode" in options or os.environ.get("PGSSLMODE"):
        return options
    issuers = {} if os.environ.get("PGSSLROOTCERT") else {"sslrootcert": VERIFIED_TLS["sslrootcert"]}
    return {"sslmode": VERIFIED_TLS["sslmode"], **issuers, **options}


class Environment(environ.Env):  # type: ignore[misc]  # it has no types
    """django-environ with checks. Each error names the problem in one sentence."""

    def required(self, name: str, example: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid_setting(name, "is not set", example)
        return value

    def text(self, name: str, default: str = "") -> str:
        """Read a text. In django-environ's own method a leading `$` refers to another variable, but passwords can begin so."""
        return os.environ.get(name, default).strip()

    def single_line(self, name: str, default: str = "") -> str:
        """A text for pages and mails, on one line and without characters that nobody sees."""
        value = self.text(name, default)
        for found in find_hidden(value):
            called = f"{found.code} {found.name}".strip()
            raise invalid_setting(name, f"must be text on one line without {called}", "Contoso")
        return value

    def file_of_variables(self, path: Path) -> None:
        """Read the `.env` file; the environment takes precedence."""
        try:
            self.read_env(str(path), encoding="utf-8")
        except (OSError, ValueError):
            raise ImproperlyConfigured(
                f"{path.name} cannot be read. Check that the portal is allowed to read it, and that it is UTF-8 text."
            ) from None

    def mail_address(self, name: str, default: str = "", *, example: str) -> str:
        """One address, such as HR's, without a display name. An international domain is returned in ASCII."""
        value = single_address(self.text(name, default) or self.required(name, example))
        try:
            validate_email(value)
        except ValidationError:
            raise invalid_setting(name, "must be one email address", example) from None
        return value

    def database(self, name: str, file: Path) -> dict[str, Any]:
        """Django's settings for the database that the address names, else for SQLite in that file."""
        url, example = self.text(name), "postgres://portal:p%23ss@db.example:5432/portal"
        if not url:
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}
        if fault := fault_of_database_url(url):
            raise invalid_setting(name, fault, example)
        config: dict[str, Any] = self.db_url_config(url)
        if fault := fault_of_options(config.get("OPTIONS", {})):
            raise invalid_setting(name, fault, f"{example}?sslmode=verify-full")
        if fault := fault_of_several_servers(config):
            raise invalid_setting(name, fault, SEVERAL_SERVERS)
        if is_reached_over_network(config):
            config["OPTIONS"] = _verified_tls(config.get("OPTIONS", {}))
        return config

    def database_addresses(self, name: str) -> list[tuple[str, str, str]]:
        """Host, port (may be empty) and name of each address in a list with commas."""
        found = []
        for text in filter(None, (part.strip() for part in self.text(name).split(","))):
            match = DATABASE_ADDRESS.fullmatch(text)
            if match is None:
                raise invalid_setting(
                    name,
                    "must be addresses such as host:port/name, with commas between them",
                    "pooler.example:6432/portal,localhost/portal",
                )
            found.append((match["host"].strip("[]"), match["port"] or "", match["name"]))
        return found

    def database_login(self, name: str, database: dict[str, Any]) -> str:
        """How the portal proves itself to the database. Entra's token goes only to a server that proves itself too."""
        login = self.choice(name, "password", among=("password", "entra"))
        if login == "entra":
            if fault := fault_of_entra_login(database):
                raise invalid_setting(
                    "DATABASE_URL", fault, "postgres://role@name.postgres.database.azure.com/portal"
                )
            database["OPTIONS"] = VERIFIED_TLS | database.get("OPTIONS", {})
        return login

    def mail_server(self, name: str) -> dict[str, Any]:
        """Django's settings for the mail server that the address names."""
        example = "smtp+tls://user:p%23ss@mail.contoso.example:587"
        url = self.required(name, example)
        if fault := fault_of_mail_url(url):
            raise invalid_setting(name, fault, example)
        return dict(self.email_url_config(url))

    def folder(self, name: str, default: str) -> Path:
        """A folder that is there, or can be made."""
        path = Path(self.text(name) or default)
        if path.exists() and not path.is_dir():
            raise invalid_setting(name, "must be the path of a folder", "/var/lib/portal")
        return path

    def guid(self, name: str, *, required: bool = False) -> str:
        example = "11111111-2222-3333-4444-555555555555"
        value = (self.required(name, example) if required else self.text(name)).lower()
        if value and not GUID.fullmatch(value):
            raise invalid_setting(name, "must be a GUID", example)
        return value

    def whole_number(self, name: str, default: int, *, low: int, high: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or not low <= int(raw) <= high:
            raise invalid_setting(name, f"must be a whole number from {low} to {high}", str(default))
        return int(raw)

    def switch(self, name: str, default: bool = False) -> bool:
        raw = self.text(name, "on" if default else "off").lower()
        if raw not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
            raise invalid_setting(name, "must be on or off", "off")
        return raw in {"1", "true", "yes", "on"}

    def choice(self, name: str, default: str, *, among: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in among:
            raise invalid_setting(name, f"must be one of {', '.join(among)}", default)
        return value

    def origin(self, name: str, default: str = "", *, example: str) -> str:
        """An address without path: https, or http on a loopback host only."""
        value = (self.text(name, default) or self.required(name, example)).rstrip("/")
        found = ORIGIN.fullmatch(value)
        if found is None or int(found["port"] or 1) not in range(1, 65536):
            raise invalid_setting(name, "must be an address without a path", example)
        if found["scheme"] == "http" and found["host"].strip("[]") not in {"localhost", "127.0.0.1", "::1"}:
            raise invalid_setting(name, "must be https (http is allowed only for this machine)", example)
        return value

    def readable_file(self, name: str) -> str:
        """The path of a file that this process can read."""
        value = self.text(name)
        if value and not (Path(value).is_file() and os.access(value, os.R_OK)):
            raise invalid_setting(name, "must be the path of a readable file", "/etc/portal/file.pem")
        return value

    def certificate(self, name: str) -> str:
        """The path of a PEM file with a private key and the certificate that belongs to it."""
        value = self.readable_file(name)
        if value and (fault := fault_of_certificate(value)):
            raise invalid_setting(
                name,
                f"must be the path of a PEM file with a private key and its certificate, but {fault}",
                value,
            )
        return value

    def ed25519_key(self, name: str) -> str:
        """The path of a PEM file with a private key for signatures by Ed25519."""
        value = self.readable_file(name)
        if value and not is_ed25519_key(Path(value)):
            raise invalid_setting(
                name,
                "must be the path of a PEM file with an Ed25519 private key and without a password",
                "/run/secrets/audit-signing-key.pem",
            )
        return value

    def listen_address(self, name: str) -> tuple[str, int] | None:
        """Where to listen: a port of this machine's loopback address, or an IP address and a port. None if it is empty."""
        value = self.text(name)
        if not value:
            return None
        host, _, port = value.rpartition(":") if not value.isdigit() else ("127.0.0.1", "", value)
        host = "127.0.0.1" if host == "localhost" else host
        if not is_ip_address(host) or not port.isascii() or not port.isdigit() or len(port) > 5:
            raise invalid_setting(name, "must be a port, or an IP address and a port", "127.0.0.1:9464")
        if int(port) not in range(1, 65536):
            raise invalid_setting(name, "must have a port from 1 to 65535", "127.0.0.1:9464")
        return host.strip("[]"), int(port)

    def file_to_append(self, name: str) -> str:
        """The path of a file that this process can append to, or create."""
        value = self.text(name)
        path = Path(value)
        if value and not os.access(path if path.exists() else path.parent, os.W_OK):
            raise invalid_setting(
                name, "must be the path of a file that the portal can write", "/var/log/portal/heads.jsonl"
            )
        return value

    def https_link(self, name: str) -> str:
        """A page elsewhere that people are sent to."""
        value = self.text(name)
        if value and not LINK.fullmatch(value):
            raise invalid_setting(name, "must be an https address", "https://intranet.contoso.example/help")
        return value

    def logo(self, name: str) -> Logo | None:
        path = self.text(name)
        try:
            return read_logo(path) if path else None
        except InvalidLogo as unfit:
            raise invalid_setting(name, str(unfit), "/etc/portal/logo.svg") from None

    def accent_colour(self, name: str, scheme: colour.Scheme) -> str:
        """A colour in which words can be read on all grounds of the scheme."""
        value = self.text(name).lower()
        if not value:
            return ""
        if not colour.HEX.fullmatch(value):
            raise invalid_setting(
                name,
                "must be a colour as six hexadecimal digits",
                colour.theme_colours(scheme.name)["accent"],
            )
        measured, ground = colour.lowest_contrast(value, scheme)
        if measured < colour.READABLE:
            raise invalid_setting(
                name,
                f"{value} has a contrast of only {measured:.2f}:1 on the {scheme.name} {ground}. Text needs "
                f"{colour.READABLE}:1 (WCAG 2.2 AA). The example is the nearest readable colour",
                colour.nearest_readable(value, scheme),
            )
        return value

    def time_zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value not in available_timezones():
            raise invalid_setting(name, "must be an IANA time zone", "Europe/Amsterdam")
        return value


def invalid_setting(name: str, complaint: str, example: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} {complaint}. Example: {name}={example}")


def is_ip_address(host: str) -> bool:
    """Whether it is an IPv4 address, or an IPv6 address in square brackets."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return (address.version == 6) == (host[:1] + host[-1:] == "[]")


def read_key_file(name: str, path: str) -> str:
    """Return the key in this file. `name` is the variable that names the file."""
    try:
        return Path(path).read_text().strip()
    except (OSError, ValueError):  # not there, not ours to read, or no text
        raise invalid_setting(
            name, "must be the path of a readable file", "/run/secrets/portal-key"
        ) from None


def read_kept_key(file: Path) -> str:
    """Return the key that the demo keeps in this file; empty if there is none."""
    try:
        key = file.read_text().strip()
    except (OSError, ValueError):
        return ""
    return key if is_random_key(key) else ""


def is_ed25519_key(path: Path) -> bool:
    try:
        return isinstance(load_pem_private_key(path.read_bytes(), password=None), Ed25519PrivateKey)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def is_random_key(key: str) -> bool:
    """Return whether this can be a key that signs and encrypts: long, and not one that a tool made up as an example."""
    return len(key) >= 50 and len(set(key)) >= 10 and not key.startswith("django-insecure")
