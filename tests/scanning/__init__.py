"""`make scan`: what two public scanners, Wapiti and sqlmap, find in the running demo."""
