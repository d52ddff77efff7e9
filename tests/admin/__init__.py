"""Tests of the Django admin pages."""
