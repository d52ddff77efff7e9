"""Tests of the doctor, which checks an installation without changing it."""
