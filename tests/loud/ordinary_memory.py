"""The same, with `serve` starting the site as if nobody had thought of its memory: the control."""

from portal.supervisor import CLEAN_MEMORY
from tests.loud.crashing import *  # noqa: F403

CLEAN_MEMORY.clear()
