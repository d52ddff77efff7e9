"""The whole configuration, read from the environment. `.env.example` explains every variable."""

from __future__ import annotations

import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF, STRICT_DYNAMIC
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy

from portal.branding import colour
from portal.environment import Environment, invalid_setting, is_random_key, read_kept_key, read_key_file

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
_environment_at_start = {*os.environ}  # before `.env` is read into it
if (BASE_DIR / ".env").is_file():
    env.file_of_variables(BASE_DIR / ".env")

VAR_DIR = env.folder("PORTAL_DATA_DIR", str(BASE_DIR / "var"))

# --- Which tenant -----------------------------------------------------------------------------------------
# AZURE_TENANT_ID decides: without it the portal uses its sandbox tenant.
SANDBOX = env.text("AZURE_TENANT_ID", "sandbox") == "sandbox"
if SANDBOX and not (BASE_DIR / "portal" / "sandbox").is_dir():  # the container image has none
    raise invalid_setting(
        "AZURE_TENANT_ID",
        "must be the id of your tenant, because this installation has no sandbox tenant",
        "11111111-2222-3333-4444-555555555555",
    )
SANDBOX_TENANT_ID = "5a4d0b0c-0000-4000-8000-000000000001"
SANDBOX_URL = env.origin("SANDBOX_URL", "http://127.0.0.1:8401", example="http://127.0.0.1:8401")
SANDBOX_LOGIN_ORIGIN = "https://login.sandbox.invalid"  # reserved: exists only inside this process
TENANT_ID = SANDBOX_TENANT_ID if SANDBOX else env.guid("AZURE_TENANT_ID", required=True)

# `setup_tenant` runs before the registrations exist: it only plans them. Everything else needs their ids.
PLANS_THE_TENANT = sys.argv[1:2] == ["setup_tenant"]

DEBUG = env.switch("DEBUG")
if DEBUG and not SANDBOX:
    raise invalid_setting(
        "DEBUG", "must be off with a real tenant, because its error pages could show a pass", "off"
    )

# --- Microsoft --------------------------------------------------------------------------------------------
if env.text("AZURE_CLIENT_SECRET"):
    raise ImproperlyConfigured(
        "AZURE_CLIENT_SECRET is set, but the portal does not accept a client secret for Microsoft "
        "Graph. Remove it. Use a managed identity, AZURE_FEDERATED_TOKEN_FILE or "
        "AZURE_CLIENT_CERTIFICATE_PATH instead."
    )
if SANDBOX:
    AUTHORITY_HOST, GRAPH_URL = SANDBOX_LOGIN_ORIGIN, SANDBOX_URL
    AZURE_CLIENT_ID = env.guid("AZURE_CLIENT_ID") or "5a4d0b0c-0000-4000-8000-0000000000a1"
    SIGN_IN_CLIENT_ID = env.guid("SIGN_IN_CLIENT_ID") or "5a4d0b0c-0000-4000-8000-0000000000b1"
    API_CLIENT_ID = env.guid("API_CLIENT_ID") or "5a4d0b0c-0000-4000-8000-0000000000f1"
    real = ["AZURE_AUTHORITY_HOST", "GRAPH_URL", "AZURE_CLIENT_CERTIFICATE_PATH", "SIGN_IN_CERTIFICATE_PATH"]
    real += ["PORTAL_URL"] if "https:" in env.text("PORTAL_URL") else []
    real += ["MAIL_BY"] if env.text("MAIL_BY") == "smtp" else []
    real += ["DATABASE_LOGIN"] if env.text("DATABASE_LOGIN") == "entra" else []
    for name in real:
        if env.text(name):
            raise ImproperlyConfigured(
                f"{name} is only for a real tenant, but the portal uses the sandbox tenant. Remove {name}, or set "
                "AZURE_TENANT_ID to the id of your tenant."
            )
    if not env.text("AZURE_FEDERATED_TOKEN_FILE") and not env.text("IDENTITY_ENDPOINT"):
        # The sandbox plays the instance metadata service; MSAL finds it as it would on a virtual machine.
        os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = SANDBOX_URL
else:
    AUTHORITY_HOST = env.origin(
        "AZURE_AUTHORITY_HOST",
        "https://login.microsoftonline.com",
        example="https://login.microsoftonline.com",
    )
    GRAPH_URL = env.origin("GRAPH_URL", "https://graph.microsoft.com", example="https://graph.microsoft.com")
    AZURE_CLIENT_ID = env.guid("AZURE_CLIENT_ID", required=not PLANS_THE_TENANT)
    SIGN_IN_CLIENT_ID = env.guid("SIGN_IN_CLIENT_ID", required=not PLANS_THE_TENANT)
    if SIGN_IN_CLIENT_ID and SIGN_IN_CLIENT_ID == AZURE_CLIENT_ID:
        raise invalid_setting(
            "SIGN_IN_CLIENT_ID",
            "must differ from AZURE_CLIENT_ID, because the sign-in registration has no permissions in Graph",
            "66666666-7777-8888-9999-000000000000",
        )
    API_CLIENT_ID = env.guid("API_CLIENT_ID")  # without it, the portal has no API
if API_CLIENT_ID and API_CLIENT_ID in (SIGN_IN_CLIENT_ID, AZURE_CLIENT_ID):
    raise invalid_setting(
        "API_CLIENT_ID",
        "must differ from SIGN_IN_CLIENT_ID and AZURE_CLIENT_ID, because their tokens must not open the API",
        "77777777-8888-9999-aaaa-000000000000",
    )
# An app registration that calls Graph, with the managed identity in AZURE_CLIENT_ID as its only credential.
GRAPH_CLIENT_ID = env.guid("GRAPH_CLIENT_ID")
if GRAPH_CLIENT_ID and GRAPH_CLIENT_ID in (AZURE_CLIENT_ID, SIGN_IN_CLIENT_ID, API_CLIENT_ID):
    raise invalid_setting(
        "GRAPH_CLIENT_ID",
        "must differ from AZURE_CLIENT_ID, SIGN_IN_CLIENT_ID and API_CLIENT_ID, because it is a registration of its "
        "own, with the permissions in Graph",
        "88888888-9999-aaaa-bbbb-000000000000",
    )
for name in ("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"):
    if GRAPH_CLIENT_ID and env.text(name):
        raise ImproperlyConfigured(
            f"GRAPH_CLIENT_ID needs a managed identity, but {name} is set. Remove GRAPH_CLIENT_ID, and set AZURE_CLIENT_ID "
            "to the app registration that has the permissions in Graph."
        )
# The application that Graph sees: who creates the passes in Entra's logs.
GRAPH_APPLICATION_ID = GRAPH_CLIENT_ID or AZURE_CLIENT_ID
# The audience of Graph tokens; the sandbox plays the global cloud.
GRAPH_RESOURCE = "https://graph.microsoft.com" if SANDBOX else GRAPH_URL
_other_clouds = {
    "https://login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "https://login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}
_audience = _other_clouds.get(AUTHORITY_HOST, "api://AzureADTokenExchange")
TOKEN_EXCHANGE_AUDIENCE = env.text("TOKEN_EXCHANGE_AUDIENCE", _audience)
# What the workload identity is to be given; named, since the site knows of the work only that it is there.
GRAPH_PERMISSIONS = "onboarding.graph.permissions.PERMISSIONS"
AZURE_FEDERATED_TOKEN_FILE = env.readable_file("AZURE_FEDERATED_TOKEN_FILE")
AZURE_CLIENT_CERTIFICATE_PATH = env.certificate("AZURE_CLIENT_CERTIFICATE_PATH")
SIGN_IN_CERTIFICATE_PATH = env.certificate("SIGN_IN_CERTIFICATE_PATH") or AZURE_CLIENT_CERTIFICATE_PATH
# The source of the workload identity's tokens, named as Django names its mail backend.
WORKLOAD_IDENTITY = "portal.identity.workload_identity"
# The function that verifies access tokens for the API, named as Django names its mail backend.
ACCESS_TOKEN_VERIFIER = "portal.signin.access_tokens.verify_access_token"  # noqa: S105 (a function's name)
# Where the doctor's checks are, in the order in which it looks; the site names them, so that neither imports the other.
DOCTOR_CHECKS = [
    "onboarding.doctor.installation",
    "onboarding.doctor.identity",
    "onboarding.doctor.tenant_policy",
    "onboarding.doctor.account",
    "onboarding.doctor.guard_verdicts",
    "onboarding.doctor.mail",
    "onboarding.doctor.hooks",
    "onboarding.doctor.directory_log",
    "portal.signin.doctor",
    "portal.signin.api_doctor",
    "portal.doctor",
]
# How all that is asked of Microsoft is sent: with one deadline for a whole answer.
HTTP_ADAPTER = "portal.http_deadline.DeadlineAdapter"

# --- Where the portal is ----------------------------------------------------------------------------------
PORTAL_URL = env.origin(
    "PORTAL_URL", "http://localhost:8000" if SANDBOX else "", example="https://starters.contoso.example"
)
LOOPBACK = urlsplit(PORTAL_URL).scheme == "http"
if LOOPBACK and not SANDBOX:
    raise invalid_setting(
        "PORTAL_URL", "must be https with a real tenant", "https://starters.contoso.example"
    )
# Load balancers request these by the machine's own address, often without TLS.
HEALTH_PATHS = ("/livez", "/readyz")
ALLOWED_HOSTS = [str(urlsplit(PORTAL_URL).hostname)]
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
FORCE_SCRIPT_NAME = ""  # the site is at the root of its address, whatever a header says
BEHIND_PROXY = env.switch("BEHIND_PROXY")
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# So many proxies in front add to X-Forwarded-For. Only then does the log take a client's address and a request's id from them.
TRUSTED_PROXIES = env.whole_number("TRUSTED_PROXIES", 1 if BEHIND_PROXY else 0, low=0, high=5)

# --- Monitoring ---------------------------------------------------------------------------------------------
# Host and port where monitoring reads numbers, apart from the site's own address; None for nowhere.
METRICS_ADDRESS = env.listen_address("METRICS_ADDRESS")
# The module that answers there and stores counts; a setting, so that the site does not import the work.
METRICS_SERVICE = "onboarding.metrics.service"

# --- Secrets of the site itself (none of them opens Graph) --------------------------------------------------
SECRET_KEY_FILE = env.text("SECRET_KEY_FILE")
if SECRET_KEY_FILE:
    SECRET_KEY = read_key_file("SECRET_KEY_FILE", SECRET_KEY_FILE)
else:
    # The sandbox uses the key that the demo keeps, or a new one at each start: people then sign in again.
    made_up = read_kept_key(VAR_DIR / "secret-key") or secrets.token_urlsafe(50)
    SECRET_KEY = env.text("SECRET_KEY") or (made_up if SANDBOX or PLANS_THE_TENANT else "")
if not is_random_key(SECRET_KEY):
    raise invalid_setting(
        "SECRET_KEY",
        "(or the file in SECRET_KEY_FILE) must contain at least 50 random characters",
        "$(openssl rand -base64 60 | tr -d '\\n')",
    )
# Earlier keys: sessions and signed links of before still work, and webhooks that were stored under them can be read.
SECRET_KEY_FALLBACK_FILES = env.text("SECRET_KEY_FALLBACK_FILES").split()
SECRET_KEY_FALLBACKS = env.text("SECRET_KEY_FALLBACKS").split() + [
    read_key_file("SECRET_KEY_FALLBACK_FILES", path) for path in SECRET_KEY_FALLBACK_FILES
]
if not all(map(is_random_key, SECRET_KEY_FALLBACKS)):
    raise invalid_setting(
        "SECRET_KEY_FALLBACKS",
        "(or each file in SECRET_KEY_FALLBACK_FILES) must contain earlier keys, which have at least 50 random characters",
        "'the-key-before-this the-key-before-that'",
    )

# Whatever this process starts reads the keys where they were given. Only a key that was made up has to be handed on.
SECRET_KEY_IS_MADE_UP = not (SECRET_KEY_FILE or env.text("SECRET_KEY"))
if SECRET_KEY_FILE or "SECRET_KEY" not in _environment_at_start:
    os.environ.pop("SECRET_KEY", None)
if "SECRET_KEY_FALLBACKS" not in _environment_at_start:
    os.environ.pop("SECRET_KEY_FALLBACKS", None)

# --- Words and people ---------------------------------------------------------------------------------------
ORGANISATION_NAME = env.single_line("ORGANISATION_NAME", "Contoso" if SANDBOX else "Your organisation")
SUPPORT_CONTACT = env.single_line("SUPPORT_CONTACT") or gettext_lazy("the service desk")
HELP_URL = env.https_link("HELP_URL")
PRIVACY_NOTICE_URL = env.https_link("PRIVACY_NOTICE_URL")
LOGO = env.logo("LOGO_FILE")
ACCENT_COLOUR = env.accent_colour("ACCENT_COLOUR", colour.LIGHT)
ACCENT_COLOUR_DARK = env.accent_colour("ACCENT_COLOUR_DARK", colour.DARK)
ACCENT_SHEET = (
    colour.accent_stylesheet(
        ACCENT_COLOUR or colour.theme_colours("light")["accent"],
        ACCENT_COLOUR_DARK or colour.nearest_readable(ACCENT_COLOUR, colour.DARK),
    )
    if ACCENT_COLOUR or ACCENT_COLOUR_DARK
    else ""
)
HR_ADDRESS = env.mail_address(
    "HR_ADDRESS", "hr@contoso.example" if SANDBOX else "", example="hr@contoso.example"
)
SECURITY_ADDRESS = env.mail_address(
    "SECURITY_ADDRESS",
    "security@contoso.example" if SANDBOX else "",
    example="security@contoso.example",
)

# --- Database -----------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", VAR_DIR / "portal.sqlite3")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Tests use a file too: threads and processes meet in it as they do in production.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / f"test-{os.getpid()}.sqlite3")}
    # IMMEDIATE: a transaction takes the write lock when it begins, so it never fails half-way. The rollback
    # journal: SQLite's WAL mode can corrupt a database before 3.51.3. secure_delete: what is gone is gone.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["ENGINE"] = "portal.postgresql"  # with deadlines and timeouts of its own
# In milliseconds, as the server counts: portal/postgresql sets them on each connection.
DATABASE_TIMEOUTS = {
    "statement_timeout": 5000,
    "lock_timeout": 3000,
    "idle_in_transaction_session_timeout": 10000,
}
DATABASE_ALSO_AT = env.database_addresses("DATABASE_ALSO_AT")
DATABASE_LOGIN = env.database_login("DATABASE_LOGIN", DATABASES["default"])
_database_resources = {
    "https://login.microsoftonline.us": "https://ossrdbms-aad.database.usgovcloudapi.net",
    "https://login.partner.microsoftonline.cn": "https://ossrdbms-aad.database.chinacloudapi.cn",
}
DATABASE_TOKEN_RESOURCE = _database_resources.get(AUTHORITY_HOST, "https://ossrdbms-aad.database.windows.net")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Django -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "onboarding",
    "portal.admin_site.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
]
MIDDLEWARE = [
    "portal.logs.access.AccessLogMiddleware",  # outermost: every answer is one line, and every line names its request
    "portal.middleware.SecurityHeadersMiddleware",  # outermost: every answer, also of those below
    "portal.middleware.HeadWithoutBodyMiddleware",
    "portal.middleware.ApiErrorsMiddleware",  # programs get problem details, whichever layer refuses
    "portal.languages.LanguageMiddleware",  # refusals below are in the visitor's language
    "csp.middleware.CSPMiddleware",
    "portal.middleware.WrongMethodMiddleware",
    "portal.middleware.KnownHostMiddleware",
    "portal.middleware.SmallBodiesMiddleware",
    "portal.middleware.ImpossibleInputMiddleware",  # before anything reads what was sent
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.branding.views.BrandingMiddleware",
    "portal.middleware.FetchMetadataMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.middleware.HostMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.limits.middleware.VisitorLimitMiddleware",  # knows who is signed in, and comes before every page
    "portal.middleware.SessionLimitsMiddleware",
    "portal.uploads.middleware.UploadsMiddleware",  # reads a large body only now that the person is known
    "portal.middleware.SignInRequiredMiddleware",  # every page needs sign-in unless marked otherwise
    "portal.signin.checking.SignInCheckMiddleware",  # asks Entra every few minutes if the person may go on
    "onboarding.restored.middleware.RestoredCopyMiddleware",  # a restored copy takes no form until it is adopted
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATE_FOLDERS = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [("portal.rendering.template_loader.ConstantsLoader", TEMPLATE_FOLDERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context_processors.site_context",
                "onboarding.context_processors.onboarding",
            ],
        },
    }
]
USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", "Europe/Amsterdam")

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site has a use for our files
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

# --- Languages ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"  # the language of the sources, logs, commands and the audit log
# Add a language here first; docs/how-to/add-a-language.md has the other steps. portal/languages.py chooses one for a page.
LANGUAGES = [("en-gb", "English"), ("nl", "Nederlands"), ("de", "Deutsch")]  # each named in itself
# Not `LANGUAGE`: desktops set that variable for all programs.
ORGANISATION_LANGUAGE = env.choice("ORGANISATION_LANGUAGE", "en-gb", among=tuple(dict(LANGUAGES)))
USE_I18N = True
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["portal.formats"]
LANGUAGE_COOKIE_NAME = "language" if LOOPBACK else "__Host-language"
LANGUAGE_COOKIE_SECURE = not LOOPBACK
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_AGE = int(timedelta(days=365).total_seconds())
LANGUAGE_COOKIE_PATH = "/"

# --- Signing in ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["portal.signin.backend.EntraBackend"]
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # a person is unique by tenant id and object id together
LOGIN_URL = "signin:start"
LOGIN_REDIRECT_URL = "home"
# The function that knows which context a purpose needs; a setting, so that neither side imports the other.
STEP_UP_CONTEXT = "onboarding.guards.step_up.context_for"
# The function that knows if a person waits in the queue for a pass.
HAS_QUEUE_POSITION = "onboarding.passes.graph_quota.has_queue_position"
# The function that ends all sessions of a person, for an admin.
END_SESSIONS = "onboarding.sessions.ending.end_sessions"
# The function that ends other sessions of the person who acts.
END_OWN_SESSIONS = "onboarding.sessions.ending.end_own_sessions"
# What the site deletes of its own tables, once a day with the rest of retention.
RETENTION_STEPS = ["portal.signin.flows.delete_expired_sign_ins"]
SESSION_ENGINE = "portal.signin.session_store"
SESSION_COOKIE_NAME = "sid" if LOOPBACK else "__Host-sid"
SESSION_COOKIE_SECURE = not LOOPBACK
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would lose the first click from the mail and the return from Entra
SESSION_COOKIE_AGE = int(timedelta(minutes=30).total_seconds())  # idle
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_ABSOLUTE_AGE = timedelta(hours=8)
# After this long the portal asks Entra again, without asking the person: the account may be disabled, a role removed.
SESSION_CHECK_AGE = timedelta(minutes=5)
# While Microsoft cannot be reached, a manager in the queue keeps the session for so long after the last check.
SESSION_CHECK_GRACE = timedelta(minutes=20)
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Headers ------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = not LOOPBACK
SECURE_REDIRECT_EXEMPT = [rf"^{path.strip('/')}$" for path in HEALTH_PATHS]
SECURE_HSTS_SECONDS = 0 if LOOPBACK else 63072000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not LOOPBACK
SECURE_HSTS_PRELOAD = not LOOPBACK
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # no-referrer makes Chromium send `Origin: null` with forms
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE, STRICT_DYNAMIC],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": [NONE],
        "upgrade-insecure-requests": not LOOPBACK,
        "report-uri": "/csp-report",
        "report-to": "csp",
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 65536
DATA_UPLOAD_MAX_NUMBER_FIELDS = 250  # HR ticks two hundred starters at most
# Only these addresses take more, from people in HR: see portal/uploads. An uploaded file stays in memory.
UPLOAD_PATHS = {"/hr/import/"}
UPLOAD_MAX_BYTES = 5_200_000  # a file of five million, and the rest of the form
MAY_UPLOAD = "onboarding.permissions.may_record"
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = UPLOAD_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FILES = 1
# Error reports never show a local variable of any frame, whatever it is called.
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.logs.error_reports.NothingLocalFilter"

# --- Mail ---------------------------------------------------------------------------------------------------
MAIL_FROM = env.mail_address(
    "MAIL_FROM", "starters@contoso.example" if SANDBOX else "", example="starters@contoso.example"
)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = MAIL_FROM
ADMINS: list[str] = []
EMAIL_TIMEOUT = 20
if env.choice("MAIL_BY", "graph", among=("graph", "smtp")) == "graph":
    EMAIL_BACKEND = "onboarding.graph.mail.GraphMailBackend"
else:
    vars().update(env.mail_server("EMAIL_URL"))

# --- The hand-over's clockwork (seconds) ----------------------------------------------------------------------
PASS_LEASE = timedelta(
    seconds=env.whole_number("PASS_LEASE_SECONDS", 60, low=30 if not SANDBOX else 2, high=300)
)
PASS_RECEIPT = timedelta(
    seconds=env.whole_number("PASS_RECEIPT_SECONDS", 120, low=30 if not SANDBOX else 2, high=300)
)
PASS_QUARANTINE = timedelta(
    seconds=env.whole_number("PASS_QUARANTINE_SECONDS", 60, low=60 if not SANDBOX else 1, high=600)
)
# After this long another worker takes over a pass from one that was killed.
WORKER_LOCK = timedelta(
    seconds=env.whole_number("WORKER_LOCK_SECONDS", 60, low=60 if not SANDBOX else 2, high=300)
)
GRAPH_BUDGET_CALLS = env.whole_number("GRAPH_BUDGET_CALLS", 5, low=4, high=1000)
GRAPH_BUDGET_SECONDS = env.whole_number("GRAPH_BUDGET_SECONDS", 10, low=1, high=60)
GRAPH_SIGN_IN_CALLS = env.whole_number("GRAPH_SIGN_IN_CALLS", 10, low=1, high=1000)
GRAPH_CONNECT_TIMEOUT = 3
# Of a process's threads (`gunicorn_conf.py`) so many can wait for Graph, and when it is slow so many more wait for one of
# these to end. The others stay free, for whatever does not need Graph: lists, health, what goes on meanwhile.
GRAPH_AT_ONCE, GRAPH_AT_THE_DOOR = 10, 2
GRAPH_READ_TIMEOUT = env.whole_number("GRAPH_READ_TIMEOUT_SECONDS", 15, low=1, high=20)

# --- The audit log, outside the database ----------------------------------------------------------------------------
AUDIT_TO_LOG = env.switch("AUDIT_TO_LOG", True)
AUDIT_SIGNING_KEY_FILE = env.ed25519_key("AUDIT_SIGNING_KEY_FILE")
AUDIT_HEAD_FILE = env.file_to_append("AUDIT_HEAD_FILE")
# The last head that a worker of this machine saw: a database without it is an earlier state (`onboarding/restored/`).
LAST_HEAD_FILE = str(VAR_DIR / "last-head.json")
AUDIT_HEAD_URL = env.https_link("AUDIT_HEAD_URL")
if (AUDIT_HEAD_FILE or AUDIT_HEAD_URL) and not AUDIT_SIGNING_KEY_FILE:
    raise invalid_setting(
        "AUDIT_SIGNING_KEY_FILE",
        "must be set, because the portal sends only signed checkpoints to AUDIT_HEAD_FILE and AUDIT_HEAD_URL",
        "/run/secrets/audit-signing-key.pem",
    )

# --- Logs: one JSON object a line on standard error -------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"visitors_fault": {"()": "portal.logs.handlers.VisitorsFaultFilter"}},
    "formatters": {"json": {"()": "portal.logs.log_format.JsonFormatter"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["visitors_fault"]},
        "audit": {"class": "portal.logs.handlers.RaisingStreamHandler", "formatter": "json"},
    },
    "root": {
        "handlers": ["stderr"],
        "level": LOG_LEVEL,
    },
    "loggers": {
        # The audit log's lines are written at any LOG_LEVEL, and the worker must learn of one that was not.
        "onboarding.audit.stream": {"handlers": ["audit"], "level": "INFO", "propagate": False},
        "django": {"handlers": [], "level": "NOTSET", "propagate": True},  # the root's level is everybody's
        "django.server": {"handlers": [], "level": "NOTSET", "propagate": True},
        # A refused request is one line already: portal.logs.access. This one says it again, for a scanner thousands of times.
        "django.request": {"level": "ERROR"},
        # Their DEBUG lines contain URLs, headers and SQL; LOG_LEVEL never enables them.
        "urllib3": {"level": "ERROR"},  # a warning about a header names the whole address
        "msal": {"level": "WARNING"},
        "django.db.backends": {"level": "WARNING"},
        "django.template": {"level": "WARNING"},
    },
}
