"""What the audit log says that a row must be, for each table that it tells of."""
