"""HR's list: pages by position, the values of its filters, and what is kept or exported of it."""
