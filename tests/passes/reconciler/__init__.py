"""Tests of the reconciler: every state of an issue, and every response of Graph to it."""
