"""Scheduled work: check starters, run retention."""
