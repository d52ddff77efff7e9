"""One person: what the portal keeps, the export, and erasure by two admins."""
