"""Comparing Entra's audit log with the portal's: a pass in one that the other does not have."""
