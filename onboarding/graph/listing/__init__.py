"""Lists of Graph that go over pages: a caller reads one page at a time, and keeps the place where the next one begins."""
