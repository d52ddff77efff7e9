"""Tests of one pass: create, show, watch, delete."""
