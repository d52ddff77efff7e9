"""HR imports a file of starters."""
