"""Tests of the tests: small mistakes are made in the heart of the portal, one at a time, and a test must notice."""
