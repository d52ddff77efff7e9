"""Mutation tests: one small mistake at a time in the most important modules, and a test must notice it."""
