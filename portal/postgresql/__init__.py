"""Django's PostgreSQL with deadlines: one that hangs is given up, and its connection closed."""
