"""Tests of the comparison of Entra's audit log with the portal's."""
