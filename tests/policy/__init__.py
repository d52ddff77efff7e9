"""Tests of the policy and its versions."""
