"""Figures of the portal as it is shipped, as ratios within one run where that can be: `make bench`."""
