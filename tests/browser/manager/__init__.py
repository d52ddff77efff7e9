"""What a manager does in the browser."""
