"""HR's views, one module per task."""
