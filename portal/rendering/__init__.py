"""How templates are read and rendered."""
