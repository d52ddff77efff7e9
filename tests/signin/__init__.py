"""Tests of signing in with Microsoft Entra."""
