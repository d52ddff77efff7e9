"""What a person sees and what the log says of sessions and sign-ins."""
