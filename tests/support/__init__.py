"""Helpers for tests: databases and a mail server."""
