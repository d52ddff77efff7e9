"""The auditors' pages: events in words, a starter's whole story, passes by month, and exports."""
