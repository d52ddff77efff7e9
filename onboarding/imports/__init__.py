"""HR imports a list of starters: read a file, check each row against the directory, add the good rows."""
