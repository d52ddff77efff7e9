"""The page on which people see where they are signed in to the portal, and end their other sessions."""
