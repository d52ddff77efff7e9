"""The log format and the error reports."""
