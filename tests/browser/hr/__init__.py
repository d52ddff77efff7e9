"""What HR does in the browser."""
