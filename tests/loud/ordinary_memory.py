"""The same settings, but `serve` starts the site without protecting its memory: the control."""

from portal.supervisor import CLEAN_MEMORY
from tests.loud.crashing import *  # noqa: F403

CLEAN_MEMORY.clear()
