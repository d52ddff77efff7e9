"""Tests of the hand-over step by step: its edges to the second, and what each step records."""
