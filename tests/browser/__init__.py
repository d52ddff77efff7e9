"""The whole first day in a real browser, against the running demo."""
