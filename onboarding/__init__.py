"""The work: a starter, from recorded to signed in."""
