"""Tests of the starter's instructions."""
