"""The only addresses that take a large body, and only from people who may upload."""
