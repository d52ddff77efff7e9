"""Figures of the portal as shipped, as ratios within one run where possible: `make bench`."""
