"""Tests of the sandbox tenant."""
