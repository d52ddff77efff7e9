"""Load runs; `make load` and `make queue` start them."""
