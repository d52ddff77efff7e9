"""The demo's processes, and an HTTP client that walks through it for the tour and the tests."""
