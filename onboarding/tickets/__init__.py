"""Tickets of other systems: they add and change starters over the API, and HR accepts what they added."""
