"""Tests of settings, headers, languages and other rules for all pages."""
