"""Services for starters: add, edit, invite, withdraw."""
