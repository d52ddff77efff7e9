"""The entrance for other systems: they add, change, withdraw and follow starters over HTTP. They never get a pass."""
