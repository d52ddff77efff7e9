"""Signing in with Microsoft Entra: the round trip, the proof it brings back, and the person it proves."""
