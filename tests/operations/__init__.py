"""Tests of health checks, start, stop and installation."""
