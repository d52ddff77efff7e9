"""Webhooks: the portal sends each event of a ticket's starter to the systems that asked for it. Never a pass."""
