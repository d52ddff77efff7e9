"""Tests of the code base itself: imports, documents, and breaks of each promise."""
