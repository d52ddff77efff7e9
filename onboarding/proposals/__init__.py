"""Proposing starters by the hire dates in Entra. HR accepts them, or a rule that two admins agreed to."""
