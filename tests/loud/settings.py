"""The shipped settings with everything turned on that could tell a secret: what an operator would do in despair.

Every logger at DEBUG and into a file with all that a record holds, statements and the wire among it; an error report
for every error, as a mail in a file; a database that keeps what it deletes; and crashes on demand (`crashes.py`).
"""

from portal.settings import DATABASES, VAR_DIR
from tests.loud.crashing import *  # noqa: F403
from tests.loud.crashing import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS[:-1], "tests.loud.apps.LoudConfig"]
ADMINS = [("Admin", "admin@contoso.example")]
EMAIL_FILE_PATH = str(VAR_DIR / "reports")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "all": {"()": "tests.loud.apps.Everything"},
        "json": {"()": "portal.logs.log_format.JsonFormatter"},
    },
    "handlers": {
        "file": {
            "class": "logging.FileHandler",
            "filename": str(VAR_DIR / "loud.log"),
            "formatter": "all",
            "encoding": "utf-8",
        },
        "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
        "report": {
            "class": "django.utils.log.AdminEmailHandler",
            "level": "ERROR",
            "include_html": True,
            "email_backend": "django.core.mail.backends.filebased.EmailBackend",
        },
    },
    "root": {"handlers": ["file", "stderr", "report"], "level": "DEBUG"},
    "loggers": {"django": {"handlers": [], "level": "NOTSET", "propagate": True}},
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # What passed through the journal and what was deleted stays in the files, and is found there.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = (
        options["init_command"]
        .replace("journal_mode=DELETE", "journal_mode=PERSIST")
        .replace("secure_delete=ON", "secure_delete=OFF")
    )
