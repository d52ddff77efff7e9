"""A restored copy of the database does nothing until somebody adopts it: how it knows that it is one."""
