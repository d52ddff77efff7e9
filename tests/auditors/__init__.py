"""The auditors' pages, their search and the exports."""
