"""What monitoring reads: numbers about the portal as Prometheus text, on an address of its own. No personal data."""
