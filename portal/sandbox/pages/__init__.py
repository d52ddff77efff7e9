"""The sandbox tenant's own pages: its index, the mailbox, and the starter's sign-in."""
