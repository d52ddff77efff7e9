"""Tests of the worker's jobs."""
