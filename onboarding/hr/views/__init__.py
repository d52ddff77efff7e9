"""HR's door, a module for each thing that is done there."""
