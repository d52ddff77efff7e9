"""The shipped settings with everything turned on that could reveal a secret, as in a desperate search for an error.

Every logger writes complete records to a file at DEBUG, with SQL statements and HTTP traffic. Every error sends an error
report, as a mail in a file. The database does not overwrite deleted data. Crashes happen on demand (`crashes.py`).
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
    # The files keep the journal and deleted rows, so that the test can search them.
    options = DATABASES["default"]["OPTIONS"]
    options["init_command"] = (
        options["init_command"]
        .replace("journal_mode=DELETE", "journal_mode=PERSIST")
        .replace("secure_delete=ON", "secure_delete=OFF")
    )
