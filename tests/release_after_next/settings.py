"""The settings of the next release with one more migration."""

from tests.next_release.settings import *  # noqa: F403
from tests.next_release.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.release_after_next"]
