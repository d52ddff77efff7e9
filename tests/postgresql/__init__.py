"""PostgreSQL as installations run it: behind a pooler, over TLS, with a replica, in other versions."""
