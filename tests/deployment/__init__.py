"""How the portal is shipped: the container image, and the files for each platform."""
