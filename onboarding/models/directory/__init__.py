"""What the portal keeps of the directory: its audit log."""
