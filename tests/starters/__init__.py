"""Tests of what HR does with one starter."""
