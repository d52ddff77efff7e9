"""What a person in HR keeps about the list."""
