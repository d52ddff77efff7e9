"""The organisation's colours and logo, and the style guide."""
