"""The tables of imported lists."""
