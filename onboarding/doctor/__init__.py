"""What is well with the installation and what is not, found out without changing anything."""
