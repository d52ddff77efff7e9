"""The bounds of one import. They keep the memory of a request and of the worker flat."""

from __future__ import annotations

MAX_BYTES = 5_000_000  # of a file; 10,000 rows of an HR export have about two million
MAX_ROWS = 10_000
MAX_BLANK_ROWS = 100_000  # formatted but empty rows, which Excel saves too
MAX_COLUMNS = 60
MAX_CELL = 4_000  # characters
# A workbook is a ZIP file: the sizes that it says it unpacks to.
MAX_UNPACKED = 100_000_000
MAX_UNPACKED_PART = 20_000_000  # of a part that is read as a whole, such as the texts and the styles
MAX_PARTS = 500
