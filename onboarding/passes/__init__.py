"""One pass: check, create, show, acknowledge, watch, delete."""
