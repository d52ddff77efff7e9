"""Tests of HR's pages."""
