"""First-day instructions and troubleshooting for starters."""
