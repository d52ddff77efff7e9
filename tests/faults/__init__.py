"""Tests with killed processes, lost databases, full disks, and a search for the pass in memory."""
