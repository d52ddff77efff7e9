"""Limits for visitors who are not signed in. They are counted by network address, in memory."""
