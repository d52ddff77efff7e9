"""What admins do in the browser."""
