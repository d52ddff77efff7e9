"""The history of starters and of the portal, in words."""
