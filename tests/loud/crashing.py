"""The shipped settings, and crashes on demand (`crashes.py`)."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "tests.loud.apps.CrashingConfig"]
MIDDLEWARE = ["tests.loud.crashes.Outermost", *MIDDLEWARE, "tests.loud.crashes.Innermost"]
