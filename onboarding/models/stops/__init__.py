"""Tables of emergency stops. Whether one is in force is in the starter's row."""
