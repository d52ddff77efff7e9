"""Personal data: what is kept, why, how long, and how it is erased. `rules.py` is the one table that says it."""
