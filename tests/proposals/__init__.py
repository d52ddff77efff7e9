"""Tests of starters that the portal proposes by their hire dates in Entra."""
