"""Health checks, and the check that a database belongs to this installation."""
