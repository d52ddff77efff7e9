"""Tests of the Microsoft Graph layer."""
