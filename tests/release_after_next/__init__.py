"""The database of the release after the next. It removes what the next release no longer reads."""
