"""The database of a future release. It only adds, as a release must for an upgrade under load."""
